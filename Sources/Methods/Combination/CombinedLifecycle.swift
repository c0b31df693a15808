import JSON
import Networks
import Optimization
import Torch

extension Combination {
    /// What the methods do while they are trained: all of it, in the order of the list. A method with a rule for the whole
    /// step needs others that are only differentiated.
    public func lifecycle(of grafts: GraftSet, on model: Model, _ plan: TrainingPlan) throws -> (any Lifecycle)? {
        let lifecycles = try zip(parts, grafts.parts).map { try $0.lifecycle(of: $1, on: model, plan) }
        guard lifecycles.count == methods.count else {
            throw MethodError.option("methods: the adapter was made of other methods than these")
        }
        let names = parts.map { type(of: $0).card.name }
        let ruling = lifecycles.indices.filter { lifecycles[$0]?.updateRule != nil }
        if let rule = ruling.first {
            return try soleRule(rule, lifecycles, names, grafts, on: model, plan)
        }
        let steering = names.indices.filter { lifecycles[$0] != nil }
        if let twice = steering.first(where: { index in steering.contains { $0 > index && names[$0] == names[index] } })
        {
            throw MethodError.option(
                "methods: \(names[twice]) is listed twice, and what it does in a training is for all of its modules: list "
                    + "it once")
        }
        guard !steering.isEmpty || methods.contains(where: { $0.learningRateFactor != 1 }) else { return nil }
        let members = methods.indices.map { index in
            CombinedLifecycle.Member(
                name: names[index], lifecycle: lifecycles[index], grafts: grafts.parts[index],
                rateFactor: methods[index].learningRateFactor)
        }
        return CombinedLifecycle(members, plan)
    }

    /// The lifecycle of the method that makes the whole step, over the tensors of all.
    private func soleRule(
        _ rule: Int, _ lifecycles: [(any Lifecycle)?], _ names: [String], _ grafts: GraftSet, on model: Model,
        _ plan: TrainingPlan
    ) throws -> (any Lifecycle)? {
        for index in methods.indices {
            if index != rule, lifecycles[index] != nil {
                throw MethodError.option(
                    "methods: \(names[rule]) makes the whole step itself, in which \(names[index]) has work of its own to "
                        + "do: combine it with methods that are only differentiated")
            }
            if methods[index].learningRateFactor != 1 {
                throw MethodError.option(
                    "methods: \(names[rule]) makes the whole step itself, at one rate: leave out the "
                        + "learning_rate_factor of \(names[index])")
            }
        }
        var whole = grafts.parts[rule]
        let own = Set(whole.variables.map { ObjectIdentifier($0) })
        whole.shared += grafts.variables.filter { !own.contains(ObjectIdentifier($0)) }
        return try parts[rule].lifecycle(of: whole, on: model, plan)
    }
}

/// What several methods do in one training: hooks in their order, the sum of their penalties, and losses around one
/// another, the first outermost.
final class CombinedLifecycle: Lifecycle {
    /// One of the methods.
    struct Member {
        let name: String
        let lifecycle: (any Lifecycle)?
        let grafts: GraftSet
        let rateFactor: Double
    }

    private let members: [Member]
    private let plan: TrainingPlan
    /// The rules of methods that have one, by the names of their groups.
    private var rules: [String: any Optimizer] = [:]

    init(_ members: [Member], _ plan: TrainingPlan) {
        self.members = members
        self.plan = plan
    }

    private var lifecycles: [any Lifecycle] { members.compactMap(\.lifecycle) }

    /// The groups of each method over what no method before it has; one more for modules that belong to none.
    func groups(of variables: [Variable]) throws -> [ParameterGroup] {
        var (left, groups): ([Variable], [ParameterGroup]) = (variables, [])
        for member in members {
            let held = Set(member.grafts.variables.map { ObjectIdentifier($0) })
            let own = left.filter { held.contains(ObjectIdentifier($0)) }
            left.removeAll { held.contains(ObjectIdentifier($0)) }
            let made =
                try member.lifecycle?.groups(of: own) ?? (own.isEmpty ? [] : [ParameterGroup(member.name, own)])
            for group in made {
                let named = try unique(group, of: member, among: groups)
                if case .scaled(let factor) = named.rate { named.rate = .scaled(factor * member.rateFactor) }
                rules[named.name] = member.lifecycle?.optimizer
                groups.append(named)
            }
        }
        return left.isEmpty ? groups : groups + [try ParameterGroup("modules_to_save", left)]
    }

    /// The group under a name that no other has.
    private func unique(
        _ group: ParameterGroup, of member: Member, among groups: [ParameterGroup]
    ) throws -> ParameterGroup {
        let taken = Set(groups.map(\.name))
        guard taken.contains(group.name) else { return group }
        var name = "\(member.name).\(group.name)"
        while taken.contains(name) { name += "+" }
        return try ParameterGroup(
            name, group.variables, weightDecay: group.weightDecay, rate: group.rate, isActive: group.isActive)
    }

    /// Each method's rule for its own groups; nil where all are content with the configured one.
    var optimizer: (any Optimizer)? {
        rules.isEmpty ? nil : CombinedOptimizer(rules: rules, otherwise: plan.optimizer.makeOptimizer())
    }
}

// MARK: Hooks

extension CombinedLifecycle {
    func epochWillBegin(_ moment: StepMoment) throws { for one in lifecycles { try one.epochWillBegin(moment) } }
    func stepWillBegin(_ moment: StepMoment) throws { for one in lifecycles { try one.stepWillBegin(moment) } }
    func microBatchDidEnd(_ moment: StepMoment) throws { for one in lifecycles { try one.microBatchDidEnd(moment) } }
    func backwardDidEnd(_ moment: StepMoment) throws { for one in lifecycles { try one.backwardDidEnd(moment) } }
    func gradientsReady(_ moment: StepMoment) throws { for one in lifecycles { try one.gradientsReady(moment) } }
    func stepDidEnd(_ moment: StepMoment) throws { for one in lifecycles { try one.stepDidEnd(moment) } }
    func trainingDidEnd(_ moment: StepMoment) throws { for one in lifecycles { try one.trainingDidEnd(moment) } }

    func penalty(_ moment: StepMoment) throws -> Tensor? {
        let terms = try lifecycles.compactMap { try $0.penalty(moment) }
        guard let first = terms.first else { return nil }
        return try terms.dropFirst().reduce(first) { try $0 + $1 }
    }

    var changesLoss: Bool { lifecycles.contains(where: \.changesLoss) }
    var worksWithoutGradients: Bool { lifecycles.allSatisfy(\.worksWithoutGradients) }

    func lossSum(_ batch: BatchLoss) throws -> Tensor? { try lossSum(batch, of: lifecycles[...]) }

    /// The loss of the first of some methods, for which that of the others is the task's.
    private func lossSum(_ batch: BatchLoss, of lifecycles: ArraySlice<any Lifecycle>) throws -> Tensor? {
        guard let first = lifecycles.first else { return try batch.taskLossSum() }
        let inner = BatchLoss(
            model: batch.model, input: batch.input, labels: batch.labels, labelCount: batch.labelCount,
            context: batch.context, moment: batch.moment
        ) { context in
            let others = BatchLoss(
                model: batch.model, input: batch.input, labels: batch.labels, labelCount: batch.labelCount,
                context: context, moment: batch.moment
            ) { try batch.taskLossSum($0) }
            return try self.lossSum(others, of: lifecycles.dropFirst())
        }
        return try first.lossSum(inner)
    }
}

// MARK: State

extension CombinedLifecycle {
    func state() throws -> LifecycleState? {
        var (values, tensors): ([JSON], [String: Tensor]) = ([], [:])
        for (index, member) in members.enumerated() {
            let state = try member.lifecycle?.state()
            values.append(state.map { ["name": .string(member.name), "values": $0.values] } ?? .null)
            for (name, tensor) in state?.tensors ?? [:] { tensors["\(index).\(name)"] = tensor }
        }
        return values.allSatisfy { $0 == .null } ? nil : LifecycleState(values: .array(values), tensors: tensors)
    }

    func restore(_ state: LifecycleState) throws {
        let values = try JSON.Node(state.values, source: "method_state").elements()
        guard values.count == members.count else {
            throw OptimizationError.state("the checkpoint holds the states of \(values.count) methods, not of these")
        }
        for (index, (member, value)) in zip(members, values).enumerated() where !value.isNull {
            let prefix = "\(index)."
            let own = state.tensors.filter { $0.key.hasPrefix(prefix) }.map {
                (String($0.key.dropFirst(prefix.utf8.count)), $0.value)
            }
            try member.lifecycle?.restore(
                LifecycleState(
                    values: value.field("values").value, tensors: Dictionary(own, uniquingKeysWith: { a, _ in a })))
        }
    }
}

/// The rule of each group's method; the configured one for groups whose method has none.
private struct CombinedOptimizer: Optimizer {
    let rules: [String: any Optimizer]
    let otherwise: any Optimizer

    func update(_ group: ParameterGroup, rate: Double) throws {
        try (rules[group.name] ?? otherwise).update(group, rate: rate)
    }
}
