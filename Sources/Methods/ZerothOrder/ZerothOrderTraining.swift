import Networks
import Optimization
import Torch

/// The training of `SparseMeZO`: what is fixed before the first step, and the step.
final class ZerothOrderTraining: Lifecycle, UpdateRule {
    /// Elements that are drawn and moved at a time: what a step needs of memory beyond the mask. Part of what a replay
    /// depends on.
    static let stretch = 1 << 18

    /// A step's draws: standard normal numbers for a stretch of a variable.
    typealias Noise = (_ moment: StepMoment, Variable, _ range: Range<Int>, DType) throws -> Tensor

    private let method: SparseMeZO
    private let weightDecay: Double
    private let noise: Noise
    /// Names of the variables that a mask leaves a part of alone.
    private let masked: Set<String>
    /// Where each step is noted; nil where the weights are stored.
    private let log: ZerothOrderLog?
    /// The k-th smallest magnitude of each variable at the start; empty where there is no mask by magnitude.
    private(set) var thresholds: [String: Double] = [:]
    /// The bits of the constant mask, by variable.
    private var constantMasks: [String: Tensor] = [:]
    /// What the last step did.
    private(set) var last: Step?

    /// The numbers of a step.
    struct Step {
        let lossAbove: Double
        let lossBelow: Double
        /// g, the slope along the direction.
        let projectedGradient: Double
    }

    /// - Parameters:
    ///   - variables: those of which a mask leaves a part alone, with their values before the first step. All others
    ///     are moved whole.
    ///   - log: takes note of the steps.
    ///   - noise: draws the direction; from the step's key, unless a case brings its own.
    init(
        _ method: SparseMeZO, _ variables: [Variable], _ plan: TrainingPlan, log: ZerothOrderLog? = nil,
        noise: @escaping Noise = ZerothOrderTraining.draw
    ) throws {
        self.method = method
        self.log = log
        self.noise = noise
        masked = Set(variables.map(\.name))
        weightDecay = plan.optimizer.weightDecay
        guard method.sparsity > 0, method.mask != .random else { return }
        try withoutGradients {
            for variable in variables {
                let count = try variable.value.count
                let rank = max(1, Int(((1 - method.sparsity) * Double(count)).rounded(.toNearestOrEven)))
                thresholds[variable.name] = try Magnitudes(variable.value).smallest(rank)
                if method.mask == .constant { constantMasks[variable.name] = try magnitudeMask(variable) }
            }
        }
    }

    var updateRule: (any UpdateRule)? { self }
    var usesBackward: Bool { false }

    /// A group for each variable: taking them into their buffers then copies one tensor at a time.
    func groups(of variables: [Variable]) throws -> [ParameterGroup] {
        try variables.map { try ParameterGroup($0.name, [$0]) }
    }

    func step(_ work: any StepWork) throws -> StepOutcome {
        let moment = work.moment
        let groups = moment.trainables.groups.filter(\.isActive)
        let masks = try masks(of: groups.flatMap(\.variables), moment)
        var losses: [Double] = []
        for scale in moves {
            try change(groups, masks, moment) { _, _, _, _ in scale }
            // After the last move the weights are where they were.
            if losses.count < 2 { losses.append(try work.loss()) }
        }
        // Batches of other shapes leave other gaps, which would add up over the steps.
        Engine.releaseFreedMemory()
        let slope = (losses[0] - losses[1]) / (2 * method.zoEps)
        try update(groups, masks, moment, slope: slope, weightDecay: weightDecay)
        last = Step(lossAbove: losses[0], lossBelow: losses[1], projectedGradient: slope)
        try log?.append(
            .init(
                key: moment.key, projectedGradient: slope, learningRate: moment.learningRate, weightDecay: weightDecay))
        return StepOutcome(loss: (losses[0] + losses[1]) / 2, gradientNorm: abs(slope))
    }

    /// Does again what a step did to the weights. The moves are among it: taking them back leaves rounding errors.
    func replay(_ step: ZerothOrderLog.Step, at index: Int, of trainables: Trainables, on model: Model) throws {
        let moment = StepMoment(
            step: index, totalSteps: index + 1, epoch: 0, key: step.key, learningRate: step.learningRate,
            trainables: trainables, model: model)
        let masks = try masks(of: trainables.variables, moment)
        for scale in moves { try change(trainables.groups, masks, moment) { _, _, _, _ in scale } }
        try update(
            trainables.groups, masks, moment, slope: step.projectedGradient, weightDecay: step.weightDecay)
    }

    /// To where the first loss is taken, from there to the second, and back.
    private var moves: [Double] { [method.zoEps, -2 * method.zoEps, method.zoEps] }

    private func update(
        _ groups: [ParameterGroup], _ masks: [String: Tensor], _ moment: StepMoment, slope: Double, weightDecay: Double
    ) throws {
        try change(groups, masks, moment) { group, variable, values, direction in
            try direction.mulInPlace(slope)
            let decay = group.weightDecay ?? weightDecay
            if decay > 0, decays(variable) { try direction.addInPlace(values, alpha: decay) }
            return -(try moment.trainables.rate(of: group, learningRate: moment.learningRate, at: moment.step))
        }
    }

    /// Biases and layer norms do not decay.
    private func decays(_ variable: Variable) -> Bool {
        let name = variable.name.lowercased()
        return !["bias", "layer_norm", "layernorm"].contains { name.contains($0) }
    }

    /// Moves the values along the step's direction, stretch by stretch. Entries outside the mask stay as they are.
    /// - Parameter scale: how far; it may change the direction before.
    private func change(
        _ groups: [ParameterGroup], _ masks: [String: Tensor], _ moment: StepMoment,
        scale: (ParameterGroup, Variable, _ values: Tensor, _ direction: Tensor) throws -> Double
    ) throws {
        try withoutGradients {
            for group in groups {
                for variable in group.variables {
                    let flat = try variable.value.detach().reshape([-1])
                    for range in ZerothOrderTraining.stretches(try flat.count) {
                        let values = try flat.narrow(0, range.lowerBound, range.count)
                        let dtype = try values.dtype
                        let direction = try noise(moment, variable, range, dtype).to(values.device)
                        let scale = try scale(group, variable, values, direction)
                        if let bits = masks[variable.name] {
                            try direction.mulInPlace(ZerothOrderTraining.mask(bits, range).to(dtype))
                        }
                        try values.addInPlace(direction, alpha: scale)
                    }
                }
            }
        }
    }

    static func draw(_ moment: StepMoment, _ variable: Variable, _ range: Range<Int>, _ dtype: DType) throws -> Tensor {
        let key = moment.key.derived("direction").derived(variable.name).derived(range.lowerBound)
        return try .normal([range.count], key: key, dtype: dtype)
    }
}

// MARK: Masks

extension ZerothOrderTraining {
    /// Bits of the weights that this step moves, by variable; none where it moves all.
    private func masks(of variables: [Variable], _ moment: StepMoment) throws -> [String: Tensor] {
        guard method.sparsity > 0 else { return [:] }
        return try withoutGradients {
            Dictionary(
                uniqueKeysWithValues: try variables.filter { masked.contains($0.name) }.map { variable in
                    switch method.mask {
                    case .dynamic: (variable.name, try magnitudeMask(variable))
                    case .constant: (variable.name, try constantMasks[variable.name] ?? magnitudeMask(variable))
                    case .random: (variable.name, try randomMask(variable, moment))
                    }
                })
        }
    }

    /// 1 where |θ| is at most the variable's threshold.
    func magnitudeMask(_ variable: Variable) throws -> Tensor {
        guard let threshold = thresholds[variable.name] else {
            throw MethodError.option("sparse-mezo: `\(variable.name)` was not there when the training began")
        }
        return try bits(variable) { _, values in
            // As a tensor of their type: a double would be rounded on its way.
            try values.abs().le(.full([1], threshold, dtype: values.dtype, device: values.device))
        }
    }

    private func randomMask(_ variable: Variable, _ moment: StepMoment) throws -> Tensor {
        let key = moment.key.derived("mask").derived(variable.name)
        return try bits(variable) { range, _ in
            try Tensor.uniform([range.count], 0, 1, key: key.derived(range.lowerBound)).lt(1 - method.sparsity)
        }
    }

    /// The mask of a variable, in its shape; nil where all of it moves.
    func mask(of variable: Variable, _ moment: StepMoment) throws -> Tensor? {
        guard let bits = try masks(of: [variable], moment)[variable.name] else { return nil }
        return try PackedCodes.unpack(bits, count: variable.value.count, bits: 1, .lowestBitsFirst)
            .reshape(variable.value.shape)
    }

    private func bits(_ variable: Variable, _ chosen: (Range<Int>, Tensor) throws -> Tensor) throws -> Tensor {
        let flat = try variable.value.detach().reshape([-1])
        return try Tensor.cat(
            ZerothOrderTraining.stretches(try flat.count).map { range in
                let values = try flat.narrow(0, range.lowerBound, range.count)
                return try PackedCodes.pack(chosen(range, values), bits: 1, .lowestBitsFirst)
            })
    }

    /// The mask of a stretch, as zeros and ones in fp32.
    static func mask(_ bits: Tensor, _ range: Range<Int>) throws -> Tensor {
        let bytes = try bits.narrow(0, range.lowerBound / 8, (range.count + 7) / 8)
        return try PackedCodes.unpack(bytes, count: range.count, bits: 1, .lowestBitsFirst)
    }

    static func stretches(_ count: Int) -> [Range<Int>] {
        Swift.stride(from: 0, to: count, by: stretch).map { $0..<min($0 + stretch, count) }
    }
}

/// The magnitudes of a tensor's elements, without a sorted copy of a large one.
struct Magnitudes {
    /// Up to as many elements are sorted as they are.
    static let sortable = 1 << 20

    private let flat: Tensor
    private let count: Int

    init(_ tensor: Tensor) throws {
        flat = try tensor.detach().reshape([-1])
        count = try flat.count
    }

    /// The `rank`-th smallest magnitude, from 1. Of a large tensor, a sample tells between which two it lies, and only
    /// what is between them is sorted.
    func smallest(_ rank: Int) throws -> Double {
        guard count > Magnitudes.sortable, let (low, high) = try bracket(rank) else {
            return try sorted(magnitudes(flat)).select(0, rank - 1).item()
        }
        var below = 0
        let between = try Tensor.cat(
            ZerothOrderTraining.stretches(count).map { range in
                let part = try magnitudes(flat.narrow(0, range.lowerBound, range.count))
                let isBelow = try part.lt(low)
                below += Int(try isBelow.to(.int64).sum().item())
                return try part.maskedSelect(isBelow.not().and(part.le(high)))
            })
        guard below < rank, try rank <= below + between.count else {
            // The sample was not like the whole.
            return try sorted(magnitudes(flat)).select(0, rank - 1).item()
        }
        return try sorted(between).select(0, rank - below - 1).item()
    }

    /// Two magnitudes of a sample that the `rank`-th of all lies between, in all likelihood.
    private func bracket(_ rank: Int) throws -> (low: Tensor, high: Tensor)? {
        let step = count / (1 << 16)
        let sample = try sorted(magnitudes(flat.slice(0, from: 0, to: count, step: step)))
        let size = try sample.count
        let place = rank * size / count
        let (first, last) = (max(0, place - size / 64), min(size - 1, place + size / 64))
        guard first > 0, last < size - 1 else { return nil }
        return (try sample.narrow(0, first, 1), try sample.narrow(0, last, 1))
    }

    private func magnitudes(_ part: Tensor) throws -> Tensor {
        try part.to(part.dtype == .float64 ? .float64 : .float32).abs()
    }

    private func sorted(_ tensor: Tensor) throws -> Tensor { try tensor.sorted(0).values }
}
