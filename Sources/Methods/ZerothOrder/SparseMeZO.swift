import Networks
import Optimization
import Torch

/// Zeroth-order fine-tuning: two forwards with the weights moved along a random direction, no backward.
///
///     l± = L(θ ± ε m∘z)      g = (l+ − l−) / 2ε      θ ← θ − η m∘(g z + λ θ)      z ~ N(0, I)
///
/// m chooses the weights of small magnitude. Of each tensor, the threshold h is the k-th smallest |θ| at the start, with
/// k = max(1, round((1 − sparsity)·n)), and m = 1[|θ| ≤ h] (Sparse MeZO, algorithm 1). The default mask follows the
/// weights: it is taken again before every step, from weights that are not moved. With `sparsity: 0` m is one everywhere,
/// and the method is MeZO.
///
/// The direction is never stored. Stretches of it are drawn from (seed, step, tensor, stretch) whenever they are needed,
/// so that a run is replayed exactly and needs no memory beyond its weights: no gradients, no moments, no graph, and one
/// bit per weight for the mask of the step. Weights are moved in place; fp32 rounding of the three moves is not undone.
/// Losses are taken in evaluation mode, over all batches of a step with one direction. Biases and layer norms do not decay.
///
/// Adapters of other methods are trained by the same rule without a mask: by `optim: mezo` (`MeZO`), or beside whole
/// parameters in a combination.
///
/// All parameters of the model are trained unless `target_modules` names some; they merge exactly. They are stored whole,
/// or with `storage: log` as (seed, g, η, λ) of every step, 32 bytes each: reading such an adapter takes the steps again,
/// without losses, and gives the same bits on the same kind of device. What the base lacks, such as a new head, is stored.
/// The learning rate is that of the run: 1e-6 to 1e-5 for MeZO on large models, more with a mask and on small ones.
///
/// Sources: Malladi et al. 2023 (arXiv:2305.17333, algorithm 1); Liu et al. 2024 (2402.15751, algorithm 1). The order
/// statistic, masked decay, and drawing R-MeZO's mask anew each step are inferred; the papers leave them open.
public struct SparseMeZO: TargetsModules, Equatable {
    /// Scale of the moves, ε.
    public var zoEps = 1e-3
    /// Share of each tensor that a step leaves alone; 0 is MeZO.
    public var sparsity = 0.75
    /// Where the mask comes from.
    public var mask = Mask.dynamic
    /// What an adapter's file holds.
    public var storage = Storage.weights
    /// Modules whose parameters are trained; all by default.
    public var targeting = Targeting()

    /// What an adapter's file holds.
    public enum Storage: String, Codable, CaseIterable, Sendable {
        /// The weights.
        case weights
        /// Seed and projected gradient of every step, which are taken again when the adapter is read.
        case log
    }

    /// How the weights that a step moves are chosen.
    public enum Mask: String, Codable, CaseIterable, Sendable {
        /// Small magnitude now.
        case dynamic
        /// Small magnitude at the start.
        case constant
        /// At random in every step, in the same number on average (R-MeZO).
        case random
    }

    /// The paper's best sparsity.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "sparse-mezo",
        summary:
            "Weights of small magnitude move along a random direction by the difference of two losses; no backward.",
        family: "zeroth order", sites: "whole parameters, update rule",
        paper: "Liu et al. 2024, arXiv:2402.15751; Malladi et al. 2023, arXiv:2305.17333", initContract: .equalsBase,
        mergeContract: .exact)

    /// Its options.
    public static let options: [MethodOption<SparseMeZO>] = [
        .init("zo_eps", \.zoEps),
        .init("sparsity", \.sparsity),
        .init("mask", \.mask),
        .init("storage", \.storage),
        .targetModules, .excludeModules, .modulesToSave,
    ]

    /// Refuses numbers that cannot be.
    public func validate() throws {
        guard zoEps > 0, zoEps.isFinite else {
            throw MethodError.option("zo_eps: must be a positive number, found \(zoEps)")
        }
        guard (0..<1).contains(sparsity) else {
            throw MethodError.option("sparsity: must be at least 0 and below 1, found \(sparsity)")
        }
    }

    /// Copies of the parameters of the chosen modules.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        try validate()
        var set = GraftSet()
        for parameter in try chosenParameters(of: model, start) {
            if storage == .log, !parameter.isNew {
                set.parameters[parameter.name] = try Variable(
                    parameter.name, parameter.base, packing: ReplayedTensor())
            } else {
                try set.addOnDemand(copyOf: parameter)
            }
        }
        try set.addModules(modulesToSave, of: model)
        guard !set.parameters.isEmpty else {
            throw MethodError.option("exclude_modules: nothing is left to train")
        }
        if storage == .log {
            let log = try start.stored.map { try ZerothOrderLog($0) } ?? ZerothOrderLog()
            set.shared = [log.seeds, log.numbers]
            if start.stored != nil { try replay(log, set, on: model) }
        }
        return set
    }

    /// Gives the weights what the steps of a log make of the base's.
    private func replay(_ log: ZerothOrderLog, _ set: GraftSet, on model: Model) throws {
        let steps = try log.steps
        let variables = set.parameters.values.filter { $0.packing is ReplayedTensor }
        guard !steps.isEmpty, !variables.isEmpty else { return }
        let plan = TrainingPlan(
            schedule: LearningRateSchedule(shape: .constant, peak: 0, totalSteps: steps.count), stepsPerEpoch: 1)
        let training = try ZerothOrderTraining(self, variables, plan)
        let device = try variables[0].value.device
        let trainables = try Trainables(training.groups(of: variables), optimizer: AdamW(), device: device)
        for (index, step) in steps.enumerated() { try training.replay(step, at: index, of: trainables, on: model) }
        for variable in variables { (variable.packing as? ReplayedTensor)?.value = variable.value }
    }

    /// Parameters of floating-point numbers in or below a chosen module, and in or below none that is left out.
    private func chosenParameters(of model: Model, _ start: GraftStart) throws -> [Parameter] {
        let exclusion = selection(start)
        var selection = exclusion
        selection.targeting = Targeting(targetModules: targetModules)
        let chosen = Set(try selection.paths(among: model.modulePaths))
        return try model.parameters.values.filter { parameter in
            let modules = ModuleSelection.modules(above: parameter.name)
            guard try parameter.base.dtype.isFloatingPoint, modules.contains(where: chosen.contains) else {
                return false
            }
            return try !modules.contains { try exclusion.isExcluded(start.names($0)) }
        }
    }

    /// The update rule. In a combination the tensors of other methods are moved whole: many of them start at zero, which
    /// a mask by magnitude would let move once and never again.
    public func lifecycle(of grafts: GraftSet, on model: Model, _ plan: TrainingPlan) throws -> (any Lifecycle)? {
        let log = storage == .log ? ZerothOrderLog(among: grafts.shared) : nil
        return try ZerothOrderTraining(
            self, grafts.parameters.values.filter { $0.role == .trainable }, plan, log: log)
    }
}
