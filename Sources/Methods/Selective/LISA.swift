import Networks
import Optimization
import Torch

/// LISA: full tuning of a few blocks at a time. The embedding, the head and all else outside the blocks train always;
/// every `lisa_interval_steps` optimizer steps, `lisa_activated_layers` of the blocks are drawn, uniformly and without
/// replacement, and only these train until the next draw.
///
/// A block that is not drawn has no gradients and no optimizer state, does not decay, and is not even copied before it
/// is drawn for the first time: an adapter's file holds what was trained. Parameters that are shared (tied embeddings)
/// count as outside the blocks. `state_policy` says what becomes of a block's moments, and of its count of updates,
/// at the next draw: `reset` drops them, which keeps the memory small; `keep` continues from them when the block is drawn
/// again, so that the memory grows to that of full tuning.
///
/// `exclude_modules` names what is left out for good. Where the embedding is a large part of a small model, its gradient
/// and moments alone outweigh what LoRA takes, and leaving it out brings the memory below that.
///
/// Sources: Pan et al. 2024 (arXiv:2403.17919), algorithm 1, with p = 1 for embedding and head and γ / L for each of L
/// blocks; names and defaults of the options from LMFlow's release, which keeps the moments. That the paper's memory
/// needs `reset` is inference from its claims.
public struct LISA: Method, Equatable {
    /// What becomes of the moments of blocks at a draw.
    public enum StatePolicy: String, Codable, CaseIterable, Sendable {
        case keep
        case reset
    }

    /// γ: blocks that train at a time.
    public var activatedLayers = 2
    /// K: optimizer steps between two draws.
    public var intervalSteps = 20
    /// What becomes of the moments of blocks at a draw.
    public var statePolicy = StatePolicy.reset

    /// Modules that never train, nor anything in them.
    public var excludeModules: TargetModules?

    /// The release's numbers.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "lisa", summary: "Full tuning of a few blocks at a time, drawn anew every few steps.",
        family: "selective", sites: "whole parameters, blocks over time", paper: "Pan et al. 2024, arXiv:2403.17919",
        initContract: .equalsBase, mergeContract: .exact)

    /// Its options.
    public static let options: [MethodOption<LISA>] = [
        .init("lisa_activated_layers", \.activatedLayers),
        .init("lisa_interval_steps", \.intervalSteps),
        .init("state_policy", \.statePolicy),
        .init("exclude_modules", \.excludeModules),
    ]

    /// Refuses numbers that cannot be.
    public func validate() throws {
        try require(activatedLayers >= 0, "lisa_activated_layers: must not be negative, found \(activatedLayers)")
        try require(intervalSteps > 0, "lisa_interval_steps: must be positive, found \(intervalSteps)")
    }

    /// Every parameter, as a copy that is made when it is first trained.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        let blocks = model.blocks.count
        guard blocks > 0 else { throw MethodError.option("lisa: the model has no blocks to draw from") }
        guard activatedLayers <= blocks else {
            throw MethodError.option("lisa_activated_layers: \(activatedLayers) of the model's \(blocks) blocks")
        }
        var set = GraftSet()
        let exclusion = ModuleSelection(Targeting(excludeModules: excludeModules), names: start.names)
        for parameter in model.parameters.values where try parameter.base.dtype.isFloatingPoint {
            let modules = ModuleSelection.modules(above: parameter.name)
            if try modules.contains(where: { try exclusion.isExcluded(start.names($0)) }) { continue }
            try set.addOnDemand(copyOf: parameter)
        }
        guard !set.parameters.isEmpty else {
            throw MethodError.option("exclude_modules: nothing is left to train")
        }
        return set
    }

    /// The draws.
    public func lifecycle(of grafts: GraftSet, on model: Model, _ plan: TrainingPlan) throws -> (any Lifecycle)? {
        LayerSampling(self, blocks: Array(model.blocks.keys))
    }
}

/// Switches the groups of LISA's blocks.
final class LayerSampling: Lifecycle {
    private let method: LISA
    private let blocks: [String]
    /// The blocks of an interval; the key is the step's.
    private let draw: (_ interval: Int, RandomKey) throws -> [Int]

    /// - Parameters:
    ///   - blocks: paths of the blocks.
    ///   - draw: nil for a uniform draw without replacement.
    init(_ method: LISA, blocks: [String], draw: ((_ interval: Int, RandomKey) throws -> [Int])? = nil) {
        self.method = method
        self.blocks = blocks
        self.draw =
            draw ?? { _, key in
                let ranks = try Tensor.uniform([blocks.count], 0, 1, key: key, dtype: .float64).sorted(0).indices
                return try ranks.array(of: Int64.self).prefix(method.activatedLayers).map(Int.init)
            }
    }

    var worksWithoutGradients: Bool { true }

    /// One group of all that is outside the blocks, and one of each block, which begin switched off.
    func groups(of variables: [Variable]) throws -> [ParameterGroup] {
        var inBlocks: [String: [Variable]] = [:]
        var outside: [Variable] = []
        for variable in variables {
            if let block = blocks.first(where: { variable.name.hasPrefix($0 + ".") }) {
                inBlocks[block, default: []].append(variable)
            } else {
                outside.append(variable)
            }
        }
        let always = outside.isEmpty ? [] : [try ParameterGroup("always", outside)]
        return always + (try blocks.map { try ParameterGroup($0, inBlocks[$0] ?? [], isActive: false) })
    }

    func stepWillBegin(_ moment: StepMoment) throws {
        guard moment.step % method.intervalSteps == 0 else { return }
        let drawn = Set(try draw(moment.step / method.intervalSteps, moment.key.derived("lisa")).map { blocks[$0] })
        let fate = method.statePolicy == .keep ? ParameterGroup.StateFate.keep : .drop
        for block in blocks where fate == .drop || !drawn.contains(block) {
            try moment.trainables.setActive(block, false, state: fate)
        }
        for block in blocks where drawn.contains(block) { try moment.trainables.setActive(block, true) }
    }
}
