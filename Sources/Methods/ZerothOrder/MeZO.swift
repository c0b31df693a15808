import Networks
import Optimization
import Torch

/// Zeroth-order training of any adapter: two forwards with all its tensors moved along a random direction, no backward.
///
///     l± = L(φ ± ε z)      g = (l+ − l−) / 2ε      φ ← φ − η (g z + λ φ)      z ~ N(0, I)
///
/// φ are the trainable tensors that the method puts on the model, with the modules that it saves whole; the adapter is
/// that of the method, in its form and with its files. There is no mask: thresholds of magnitude would freeze what starts
/// at zero, as LoRA's B. What else holds is said at `SparseMeZO`, whose step this is.
///
/// Source: Malladi et al. 2023 (arXiv:2305.17333, algorithm 1; appendix for LoRA and prefix tuning).
public struct MeZO: Sendable, Equatable {
    /// Scale of the moves, ε.
    public var epsilon: Double

    /// Moves of the given scale.
    public init(epsilon: Double = 1e-3) {
        self.epsilon = epsilon
    }

    /// What trains a method's adapter by this rule.
    /// - Throws: `MethodError.option` where the method's own training needs gradients or a step of its own.
    public func lifecycle(
        of method: any Method, _ grafts: GraftSet, on model: Model, _ plan: TrainingPlan
    ) throws -> any Lifecycle {
        let own = try method.lifecycle(of: grafts, on: model, plan)
        let name = type(of: method).card.name
        guard own?.updateRule == nil else {
            throw MethodError.option("optim: \(name) has a rule of its own for the whole step: leave out mezo")
        }
        guard own?.worksWithoutGradients ?? true else {
            throw MethodError.option(
                "optim: mezo has no gradients, which the training of \(name) reads or changes: choose another method or "
                    + "adamw_torch")
        }
        var rule = SparseMeZO()
        (rule.zoEps, rule.sparsity) = (epsilon, 0)
        try rule.validate()
        return MeZOLifecycle(try ZerothOrderTraining(rule, [], plan), own)
    }
}

/// The steps of MeZO, and beside them what the method does that needs no gradients.
private final class MeZOLifecycle: Lifecycle {
    private let training: ZerothOrderTraining
    private let own: (any Lifecycle)?

    init(_ training: ZerothOrderTraining, _ own: (any Lifecycle)?) {
        self.training = training
        self.own = own
    }

    var updateRule: (any UpdateRule)? { training }
    var changesLoss: Bool { own?.changesLoss ?? false }

    func groups(of variables: [Variable]) throws -> [ParameterGroup] {
        try own?.groups(of: variables) ?? training.groups(of: variables)
    }

    func epochWillBegin(_ moment: StepMoment) throws { try own?.epochWillBegin(moment) }
    func stepWillBegin(_ moment: StepMoment) throws { try own?.stepWillBegin(moment) }
    func stepDidEnd(_ moment: StepMoment) throws { try own?.stepDidEnd(moment) }
    func trainingDidEnd(_ moment: StepMoment) throws { try own?.trainingDidEnd(moment) }
    func lossSum(_ batch: BatchLoss) throws -> Tensor? { try own?.lossSum(batch) ?? batch.taskLossSum() }
    func state() throws -> LifecycleState? { try own?.state() }
    func restore(_ state: LifecycleState) throws { try own?.restore(state) }
}
