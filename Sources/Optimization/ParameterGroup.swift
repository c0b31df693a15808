import Networks
import Torch

/// Trainable tensors that share a rate, a decay and a fate: their values in one flat buffer, their gradients in another,
/// so that an update is a few kernels however many tensors there are.
///
/// Both buffers come with the first activation: what never trains is never copied. While a group is inactive its
/// variables require no gradient, there is no gradient buffer, and no update touches it: neither decay nor moments nor
/// clock.
public final class ParameterGroup {
    /// Where a group's learning rate comes from.
    public enum Rate: Sendable, Equatable, Codable {
        /// The run's rate at that step, times a factor.
        case scaled(Double)
        /// Always the same, whatever the run's schedule.
        case fixed(Double)
        /// The run's schedule begun anew after the step `birth`, over the steps that are left.
        /// - Parameter warmupSteps: nil for as many as the run's.
        case ownClock(birth: Int, warmupSteps: Int? = nil)
    }

    /// What happens to the optimizer's state when a group is switched off.
    public enum StateFate: Sendable {
        /// It stays as it is, for the next activation.
        case keep
        /// It is released; the next activation starts at zero.
        case drop
    }

    /// A variable's place in the buffers.
    struct Entry {
        let variable: Variable
        let range: Range<Int>
        let shape: [Int]

        /// The variable's part of a flat buffer, in its shape.
        func view(_ buffer: Tensor) throws -> Tensor {
            try buffer.narrow(0, range.lowerBound, range.count).reshape(shape)
        }
    }

    /// The name, unique among the groups of a run.
    public let name: String
    /// Decay of every tensor of the group; nil for the optimizer's own, from which biases and vectors are exempt.
    public var weightDecay: Double?
    /// Where the learning rate comes from.
    public var rate: Rate
    /// True while the group takes part in the training.
    public internal(set) var isActive: Bool
    /// Whether gradients stay until the update.
    public let keepsGradients: Bool
    /// Updates of the group since its optimizer state began; during an update, with that one.
    public internal(set) var clock = 0
    /// All values, one variable after the other; nil before the first activation.
    public internal(set) var values: Tensor?
    /// All gradients in the same order; nil while there are none.
    public internal(set) var gradients: Tensor?
    /// What an optimizer remembers besides moments, under names of its choice.
    public var extras: [String: Tensor] = [:]
    /// Buffers of the optimizer in the order of `values`.
    var moments: [String: Tensor] = [:]
    var entries: [Entry]
    private var gradientViews: [Tensor] = []

    /// A group of variables.
    /// - Parameter keepsGradients: false for variables whose gradients somebody takes away in the middle of a backward:
    ///   there is no buffer for them, and `Trainables.step` passes the group over.
    /// - Throws: `OptimizationError.group` for a variable that is not trainable.
    public init(
        _ name: String, _ variables: [Variable], weightDecay: Double? = nil, rate: Rate = .scaled(1),
        isActive: Bool = true, keepsGradients: Bool = true
    ) throws {
        self.name = name
        self.weightDecay = weightDecay
        self.rate = rate
        self.isActive = isActive
        self.keepsGradients = keepsGradients
        entries = try ParameterGroup.entries(variables, shapes: variables.map { try $0.value.shape })
        if let frozen = variables.first(where: { $0.role != .trainable }) {
            throw OptimizationError.group("`\(frozen.name)` in the group `\(name)` is not trainable")
        }
    }

    static func entries(_ variables: [Variable], shapes: [[Int]]) -> [Entry] {
        var offset = 0
        return zip(variables, shapes).map { variable, shape in
            let count = shape.reduce(1, *)
            defer { offset += count }
            return Entry(variable: variable, range: offset..<(offset + count), shape: shape)
        }
    }

    /// The variables in the order of the buffers.
    public var variables: [Variable] { entries.map(\.variable) }

    /// Number of elements.
    public var count: Int { entries.last?.range.upperBound ?? 0 }

    /// The optimizer's buffer of a name, in the order of `values`: zeros where there was none.
    public func moment(_ name: String) throws -> Tensor {
        if let moment = moments[name] { return moment }
        guard let values else { throw OptimizationError.group("the group `\(self.name)` was never active") }
        let moment = try values.zerosLike()
        moments[name] = moment
        return moment
    }

    /// The part of a flat buffer of this group that belongs to a variable, in its shape.
    public func view(_ buffer: Tensor, of variable: Variable) throws -> Tensor {
        guard let entry = entries.first(where: { $0.variable === variable }) else {
            throw OptimizationError.group("the group `\(name)` has no variable `\(variable.name)`")
        }
        return try entry.view(buffer)
    }
}

// MARK: Life

extension ParameterGroup {
    /// Takes the variables into a buffer of their own, where they are not in one. True when tensors were replaced.
    func materialise(on device: Device) throws -> Bool {
        guard values == nil, !entries.isEmpty else { return false }
        try lay(out: variables.map { try $0.value.detach() }, on: device)
        return true
    }

    /// Lays tensors, one for each variable, into a new buffer; from now on the variables are views of it.
    func lay(out tensors: [Tensor], on device: Device) throws {
        let variables = variables
        let isDouble = try tensors.contains { try $0.dtype == .float64 }
        let entries = try ParameterGroup.entries(variables, shapes: tensors.map { try $0.shape })
        let flat = try withoutGradients {
            try Tensor.cat(tensors.map { try $0.to(isDouble ? .float64 : .float32).to(device).reshape([-1]) })
        }
        for (entry, tensor) in zip(entries, tensors) {
            try entry.variable.replace(with: entry.view(flat))
            if !isActive { try entry.variable.value.setRequiresGrad(false) }
            // Of a tensor that was a file's, the network computes with the copy from here on.
            try tensor.releasePages()
        }
        self.entries = entries
        values = flat
    }

    /// Lets gradients flow to the variables, or stops that.
    func setRequiresGrad(_ on: Bool) throws {
        for variable in variables { try variable.value.setRequiresGrad(on) }
    }

    /// Clears the gradients, and lets the backward add to them in place.
    func clearGradients() throws {
        guard isActive, let values else { return }
        guard keepsGradients else { return try setGradients(nil) }
        if let gradients {
            try gradients.zeroInPlace()
        } else {
            try setGradients(values.zerosLike())
        }
        for (entry, view) in zip(entries, gradientViews) { try entry.variable.value.setGrad(view) }
    }

    /// Takes a buffer as that of the gradients; nil for none.
    func setGradients(_ buffer: Tensor?) throws {
        gradients = buffer
        gradientViews = try buffer.map { buffer in try entries.map { try $0.view(buffer) } } ?? []
        for (index, entry) in entries.enumerated() {
            try entry.variable.value.setGrad(buffer == nil ? nil : gradientViews[index])
        }
    }

    /// Counts an update that is made elsewhere than in `Trainables.step`, before it is made.
    public func countUpdate() { clock += 1 }

    /// Forgets what the optimizer remembered.
    func dropState() {
        moments = [:]
        extras = [:]
        clock = 0
    }

    /// The first variable whose gradient is not finite.
    func firstNotFinite() throws -> String? {
        for (entry, view) in zip(entries, gradientViews) where try !view.isAllFinite() { return entry.variable.name }
        return nil
    }
}
