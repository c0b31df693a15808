import Networks
import Torch

/// Everything that a training may change, in groups, and the optimizer that changes it.
///
/// ```swift
/// let trainables = try Trainables([ParameterGroup("all", variables)], optimizer: AdamW())
/// try trainables.clearGradients()
/// try loss.backward()
/// let norm = try trainables.clip(maxNorm: 1)
/// try trainables.step(learningRate: 1e-3)
/// ```
public final class Trainables {
    /// The groups in the order of their arrival.
    public private(set) var groups: [ParameterGroup] = []
    /// The rule of every group.
    public let optimizer: any Optimizer
    /// The run's schedule, which groups with a clock of their own begin anew.
    public let schedule: LearningRateSchedule?
    /// Where the buffers are.
    public let device: Device
    /// What the schedule's rates are multiplied by: below 1 after a training that went wrong was taken back.
    public var rateFactor = 1.0
    /// Called after tensors of variables were replaced, so that a model takes them again.
    public var onReplaced: (() throws -> Void)?

    /// Takes the variables of the active groups into buffers.
    /// - Throws: `OptimizationError.group` for a name or variable that occurs twice.
    public init(
        _ groups: [ParameterGroup], optimizer: any Optimizer, schedule: LearningRateSchedule? = nil,
        device: Device = .cpu, onReplaced: (() throws -> Void)? = nil
    ) throws {
        self.optimizer = optimizer
        self.schedule = schedule
        self.device = device
        for group in groups { try join(group) }
        self.onReplaced = onReplaced
        try onReplaced?()
    }

    /// Elements of all groups, active or not.
    public var count: Int { groups.reduce(0) { $0 + $1.count } }

    /// Elements of the active groups.
    public var activeCount: Int { groups.reduce(0) { $0 + ($1.isActive ? $1.count : 0) } }

    /// All variables in the order of the groups.
    public var variables: [Variable] { groups.flatMap(\.variables) }

    /// The group of a name.
    /// - Throws: `OptimizationError.group` where there is none.
    public func group(_ name: String) throws -> ParameterGroup {
        guard let group = groups.first(where: { $0.name == name }) else {
            throw OptimizationError.group(
                "there is no group `\(name)`; there are \(groups.map(\.name).joined(separator: ", "))")
        }
        return group
    }

    /// The group that a variable is in; nil for none.
    public func group(of variable: Variable) -> ParameterGroup? {
        groups.first { $0.entries.contains { $0.variable === variable } }
    }
}

// MARK: Groups over time

extension Trainables {
    /// Adds a group. Within a step, after its gradients were cleared, the group joins the next step's update.
    public func add(_ group: ParameterGroup) throws {
        try join(group)
        try onReplaced?()
    }

    /// Takes a group away with its optimizer state. Its variables keep their values and require no gradient.
    public func remove(_ name: String) throws {
        let group = try group(name)
        try switchOff(group, .drop)
        groups.removeAll { $0 === group }
    }

    /// Switches a group on or off; nothing happens where it is so already.
    /// - Parameter state: what becomes of the optimizer's state when it is switched off.
    public func setActive(_ name: String, _ isActive: Bool, state: ParameterGroup.StateFate = .keep) throws {
        let group = try group(name)
        guard group.isActive != isActive else { return }
        guard isActive else { return try switchOff(group, state) }
        group.isActive = true
        if try group.materialise(on: device) { try onReplaced?() }
        try group.setRequiresGrad(true)
    }

    func join(_ group: ParameterGroup) throws {
        guard !groups.contains(where: { $0.name == group.name }) else {
            throw OptimizationError.group("there are two groups `\(group.name)`")
        }
        var names = Set(variables.map(\.name))
        for variable in group.variables where !names.insert(variable.name).inserted {
            throw OptimizationError.group("the variable `\(variable.name)` is trained twice")
        }
        groups.append(group)
        if group.isActive { _ = try group.materialise(on: device) } else { try group.setRequiresGrad(false) }
    }

    private func switchOff(_ group: ParameterGroup, _ state: ParameterGroup.StateFate) throws {
        try group.setGradients(nil)
        try group.setRequiresGrad(false)
        group.isActive = false
        if state == .drop { group.dropState() }
    }

    /// Takes other groups in place of all: when a state is restored.
    func replaceGroups(_ groups: [ParameterGroup]) throws {
        for group in self.groups { try switchOff(group, .drop) }
        self.groups = groups
    }
}

// MARK: A step

extension Trainables {
    /// Clears the gradients of the active groups. Groups that become active later have none until the next call.
    public func clearGradients() throws {
        for group in groups { try group.clearGradients() }
    }

    /// The gradient of a variable, a view; nil while there is none.
    public func gradient(of variable: Variable) throws -> Tensor? {
        guard let group = group(of: variable), let gradients = group.gradients else { return nil }
        return try group.view(gradients, of: variable)
    }

    /// Writes a gradient in place of what the backward left.
    /// - Throws: `OptimizationError.group` for a variable of no active group.
    public func setGradient(of variable: Variable, to gradient: Tensor) throws {
        guard let group = group(of: variable), group.isActive else {
            throw OptimizationError.group("`\(variable.name)` is in no active group: it has no gradient to set")
        }
        if group.gradients == nil { try group.clearGradients() }
        guard let view = try self.gradient(of: variable) else { return }
        let (expected, found) = (try view.shape, try gradient.shape)
        guard expected == found else {
            throw NetworkError.shape(name: variable.name, expected: expected, found: found)
        }
        try withoutGradients { try view.copyInPlace(gradient) }
    }

    /// What the optimizer remembers of a variable, by name, as views in its shape: writing to them seeds it. A rule
    /// makes its moments with its first update; `moment(_:of:)` makes them earlier.
    public func moments(of variable: Variable) throws -> [String: Tensor] {
        guard let group = group(of: variable) else { return [:] }
        return try group.moments.mapValues { try group.view($0, of: variable) }
    }

    /// One moment of a variable, as a view; zeros where the optimizer has not made it yet.
    public func moment(_ name: String, of variable: Variable) throws -> Tensor {
        guard let group = group(of: variable) else {
            throw OptimizationError.group("`\(variable.name)` is in no group: nothing is remembered of it")
        }
        return try group.view(group.moment(name), of: variable)
    }

    /// The norm of all gradients, which are cut to `maxNorm` where they are longer.
    /// - Parameter maxNorm: 0 for no cut.
    public func clip(maxNorm: Double) throws -> Double {
        let buffers = groups.compactMap(\.gradients)
        let norms = try buffers.flatMap { try Self.normsOfParts($0) }
        let norm = norms.count == 1 ? norms[0] : norms.reduce(0) { $0 + $1 * $1 }.squareRoot()
        if maxNorm > 0, norm.isFinite, norm > maxNorm {
            for buffer in buffers { try buffer.mulInPlace(maxNorm / (norm + 1e-6)) }
        }
        return norm
    }

    /// Norms of the parts of a flat buffer, which together are its norm.
    ///
    /// The norms of short stretches are made first: one sum of squares in fp32 loses 1e-4 of three million of them, and
    /// more of more.
    private static func normsOfParts(_ buffer: Tensor) throws -> [Double] {
        let stretch = 1024
        let count = try buffer.count
        let rows = count / stretch
        guard rows > 1 else { return [try buffer.norm().item()] }
        let whole = try buffer.narrow(0, 0, rows * stretch).reshape([rows, stretch])
        let rest = try buffer.narrow(0, rows * stretch, count - rows * stretch)
        return [try whole.norm(dims: [1]).norm().item(), try rest.norm().item()]
    }

    /// The name of the first variable whose gradient is not finite.
    public func firstNotFinite() throws -> String? {
        for group in groups {
            if let name = try group.firstNotFinite() { return name }
        }
        return nil
    }

    /// The name of the first variable that is trained and is not finite; one look over each buffer where all is well.
    public func firstNotFiniteValue() throws -> String? {
        for group in groups where group.isActive {
            guard let values = group.values, try !values.isAllFinite() else { continue }
            for entry in group.entries where try !entry.view(values).isAllFinite() { return entry.variable.name }
        }
        return nil
    }

    /// Updates every group that has gradients.
    /// - Parameters:
    ///   - learningRate: the run's rate at this step, `rateFactor` included.
    ///   - index: the step's index in the run, from 0, for groups with a clock of their own.
    public func step(learningRate: Double, at index: Int = 0) throws {
        try withoutGradients {
            for group in groups where group.gradients != nil {
                let rate = try rate(of: group, learningRate: learningRate, at: index)
                group.clock += 1
                try optimizer.update(group, rate: rate)
            }
        }
    }

    /// The rate of a group at a step of the run.
    public func rate(of group: ParameterGroup, learningRate: Double, at index: Int) throws -> Double {
        switch group.rate {
        case .scaled(let factor): return learningRate * factor
        case .fixed(let rate): return rate * rateFactor
        case .ownClock(let birth, let warmupSteps):
            guard let schedule else {
                throw OptimizationError.group("the group `\(group.name)` has its own clock but there is no schedule")
            }
            return schedule.rate(step: index, bornAt: birth, warmupSteps: warmupSteps) * rateFactor
        }
    }
}
