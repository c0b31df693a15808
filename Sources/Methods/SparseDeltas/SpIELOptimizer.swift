import Optimization
import Torch

/// The update of deltas: AdamW whose bias correction counts each delta's own age, or the plain step along gradients that
/// SM3 has scaled already. Everything else follows the run's rule.
///
/// The deltas' moments are `mean`, `square` and `updates`, which is the age less 1.
struct SpIELOptimizer: Optimizer {
    /// The group that holds the deltas.
    static let deltas = "deltas"

    let algorithm: SpIEL.SelectionAlgorithm
    let epsilon: Double
    let settings: OptimizerSettings

    func update(_ group: ParameterGroup, rate: Double) throws {
        guard group.name == SpIELOptimizer.deltas else {
            return try settings.makeOptimizer().update(group, rate: rate)
        }
        guard let values = group.values, let gradients = group.gradients else { return }
        switch algorithm {
        case .rigl: try values.addInPlace(direction(group, gradients), alpha: -rate)
        case .sm3: try values.addInPlace(gradients, alpha: -rate)
        }
        if settings.weightDecay > 0 { try values.mulInPlace(1 - rate * settings.weightDecay) }
    }

    /// m / ((√v + ε) (1 − β₁^age) / √(1 − β₂^age)).
    private func direction(_ group: ParameterGroup, _ gradients: Tensor) throws -> Tensor {
        let (beta1, beta2) = (settings.beta1, settings.beta2)
        let (mean, square) = (try group.moment("mean"), try group.moment("square"))
        let updates = try group.moment("updates")
        try mean.mulInPlace(beta1)
        try mean.addInPlace(gradients, alpha: 1 - beta1)
        try square.mulInPlace(beta2)
        try square.addInPlace(gradients * gradients, alpha: 1 - beta2)
        try updates.copyInPlace(updates + 1)
        let first = try -Tensor.pow(beta1, updates) + 1
        let second = try (-Tensor.pow(beta2, updates) + 1).sqrt()
        return try mean / ((square.sqrt() + epsilon) * (first / second))
    }
}
