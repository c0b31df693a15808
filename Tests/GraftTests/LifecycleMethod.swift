import Graft
import JSON

@testable import Methods

/// A method that is of no use but uses every hook: two groups that switch on and off, tensors that grow, variables that
/// arrive with a clock of their own, a loss and a penalty of its own, and state that decides the next step.
struct LifecycleMethod: Methods.Method {
    static let card = MethodCard(
        name: "lifecycle-test", summary: "Uses every hook.", family: "test", sites: "linear", paper: "none",
        initContract: .equalsBase, mergeContract: .never)
    static let options: [MethodOption<LifecycleMethod>] = [.init("step", \.step)]

    /// What stands for a step: `hooks` for backward and optimizer, `forward` for a rule without a backward, `twice` for
    /// a rule of two backwards.
    var step = "hooks"

    func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        var set = GraftSet()
        for path in model.projections.keys where path.hasSuffix("query") || path.hasSuffix("value") {
            guard let site = model.projections[path] else { continue }
            set.projections[path] = try GrowingGraft(site, start.key.derived(path))
        }
        return set
    }

    func lifecycle(of grafts: GraftSet, on model: Model, _ plan: TrainingPlan) throws -> (any Lifecycle)? {
        let life = EveryHook(grafts.projections.values.compactMap { $0 as? GrowingGraft }, plan)
        if step == "forward" { life.rule = ForwardRule() }
        if step == "twice" { life.rule = TwoBackwards() }
        return life
    }
}

/// Low-rank factors whose rank grows, and shifts of the output that arrive.
final class GrowingGraft: ProjectionGraft {
    let a: Variable
    let b: Variable
    private(set) var shifts: [Variable] = []
    private let site: Projection
    var residual: Tensor? { nil }
    var variables: [Variable] { [a, b] + shifts }

    init(_ site: Projection, _ key: RandomKey) throws {
        self.site = site
        a = try Variable("\(site.path).a", .normal([2, site.inputSize], std: 0.1, key: key))
        b = try Variable("\(site.path).b", .zeros([site.outputSize, 2]))
    }

    func addShift() throws -> Variable {
        let shift = try Variable("\(site.path).shift.\(shifts.count)", .full([site.outputSize], 0.01))
        shifts.append(shift)
        return shift
    }

    func adding(to output: Tensor, base: Tensor, x: Tensor, at site: Projection, _ context: ForwardContext) throws
        -> Tensor
    {
        let low = try context.dropout(x, 0.2, at: site.path).linear(a.value, nil).linear(b.value, nil)
        return try shifts.reduce(output + low) { try $0 + $1.value }
    }

    func merged(weight: Tensor, bias: Tensor?, at site: Projection) throws -> (weight: Tensor, bias: Tensor?) {
        throw MethodError.unmergeable("a test does not merge")
    }
}

final class EveryHook: Lifecycle {
    private let grafts: [GrowingGraft]
    private let plan: TrainingPlan
    var rule: (any UpdateRule)?
    private(set) var calls: [String] = []
    private(set) var epochs = 0
    private(set) var microBatches = 0
    private var average: Tensor?

    init(_ grafts: [GrowingGraft], _ plan: TrainingPlan) {
        self.grafts = grafts
        self.plan = plan
    }

    var updateRule: (any UpdateRule)? { rule }

    func groups(of variables: [Variable]) throws -> [ParameterGroup] {
        try ["left", "right", "never"].map { name in
            let members = variables.filter { ($0.name.hasSuffix(".a") ? "left" : "right") == name }
            return try ParameterGroup(name, members, weightDecay: name == "left" ? 0.1 : nil, isActive: name == "left")
        }
    }

    func epochWillBegin(_ moment: StepMoment) throws {
        epochs += 1
        calls.append("epoch")
    }

    func stepWillBegin(_ moment: StepMoment) throws {
        calls.append("begin")
        // Off in every third step; its state is dropped each other time.
        let isOn = moment.step % 3 != 2
        try moment.trainables.setActive("right", isOn, state: moment.step % 2 == 0 ? .drop : .keep)
    }

    func lossSum(_ batch: BatchLoss) throws -> Tensor? {
        // Half the loss is that of another forward, with other masks.
        let other = ForwardContext(isTraining: batch.context.isTraining, key: batch.moment.key, scoresOnly: true)
        guard let first = try batch.taskLossSum(), let second = try batch.taskLossSum(other) else { return nil }
        guard case .classes(let labels, let count) = batch.labels, try labels.count == batch.labelCount, count == 2
        else {
            return nil
        }
        return try (first + second) / 2
    }

    func penalty(_ moment: StepMoment) throws -> Tensor? {
        calls.append("penalty")
        return try grafts.map { try ($0.a.value * $0.a.value).sum() }.reduce(Tensor.scalar(0)) { try $0 + $1 } * 0.01
    }

    func microBatchDidEnd(_ moment: StepMoment) throws {
        calls.append("micro")
        microBatches += 1
        guard let gradient = try moment.trainables.gradient(of: grafts[0].a) else { return }
        let length = try gradient.norm()
        average = try average.map { try $0 * 0.5 + length * 0.5 } ?? length
    }

    func gradientsReady(_ moment: StepMoment) throws {
        calls.append("ready")
        // The state decides the update: forgotten by a resume, the weights would differ.
        guard let gradient = try moment.trainables.gradient(of: grafts[0].a), let average else { return }
        let changed = try gradient * (average + Double(epochs) + Double(microBatches) * 0.1)
        try moment.trainables.setGradient(of: grafts[0].a, to: changed)
    }

    func stepDidEnd(_ moment: StepMoment) throws {
        calls.append("end")
        guard rule == nil else { return }
        guard try moment.trainables.gradient(of: grafts[0].a) != nil else {
            throw OptimizationError.state("no gradient")
        }
        if moment.step == 1 || moment.step == 3 { try grow(moment) }
        if moment.step == 2 || moment.step == 4 {
            let arrivals = try grafts.map { try $0.addShift() }
            try moment.trainables.add(
                ParameterGroup("shift.\(moment.step)", arrivals, rate: .ownClock(birth: moment.step, warmupSteps: 1)))
        }
    }

    private func grow(_ moment: StepMoment) throws {
        for graft in grafts {
            let (a, b) = (try graft.a.value.detach(), try graft.b.value.detach())
            let row = try Tensor.normal([1, a.size(1)], std: 0.1, key: moment.key.derived(graft.a.name))
            try moment.trainables.replace(graft.a, with: .cat([a, row]), moments: .extended)
            try moment.trainables.replace(
                graft.b, with: .cat([b, .zeros([b.size(0), 1])], dim: 1), moments: .extended)
        }
    }

    func trainingDidEnd(_ moment: StepMoment) throws { calls.append("over") }

    func state() throws -> LifecycleState? {
        LifecycleState(
            values: [
                "epochs": .int(Int64(epochs)), "micro_batches": .int(Int64(microBatches)),
                "shifts": .int(Int64(grafts[0].shifts.count)),
            ], tensors: average.map { ["average": $0] } ?? [:])
    }

    func restore(_ state: LifecycleState) throws {
        let values = JSON.Node(state.values)
        epochs = try values.field("epochs").int()
        microBatches = try values.field("micro_batches").int()
        for _ in try 0..<values.field("shifts").int() {
            for graft in grafts { _ = try graft.addShift() }
        }
        average = state.tensors["average"]
    }
}

/// A step along a random direction by the difference of two losses: no backward.
final class ForwardRule: UpdateRule {
    func step(_ work: any StepWork) throws -> StepOutcome {
        let variables = work.moment.trainables.groups.filter(\.isActive).flatMap(\.variables)
        func move(_ scale: Double) throws {
            try withoutGradients {
                for variable in variables {
                    let key = work.moment.key.derived(variable.name)
                    try variable.value.addInPlace(.normal(variable.value.shape, key: key), alpha: scale)
                }
            }
        }
        try move(0.01)
        let above = try work.loss()
        try move(-0.02)
        let below = try work.loss()
        try move(0.01)
        let slope = (above - below) / 0.02
        try move(-work.moment.learningRate * slope)
        return StepOutcome(loss: (above + below) / 2, gradientNorm: abs(slope))
    }
}

/// The mean of two equal backwards, which is the usual one.
final class TwoBackwards: UpdateRule {
    func step(_ work: any StepWork) throws -> StepOutcome {
        let trainables = work.moment.trainables
        let first = try work.backward { try $0.taskLossSum() }
        let kept = try trainables.variables.map { try trainables.gradient(of: $0)?.clone() }
        let second = try work.backward { try $0.taskLossSum() }
        for (variable, gradient) in zip(trainables.variables, kept) {
            guard let gradient, let other = try trainables.gradient(of: variable) else { continue }
            try trainables.setGradient(of: variable, to: (gradient + other) / 2)
        }
        let norm = try work.clip()
        try work.update()
        return StepOutcome(loss: (first + second) / 2, gradientNorm: norm)
    }
}
