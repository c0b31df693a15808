import Foundation
import Networks
import Optimization
import Torch

/// Adam in the bases of its matrices, with ε beside √v before the bias correction, and decay after the update.
struct ProjectedAdamW: Optimizer {
    /// What the names of groups begin with whose variables are projected.
    static let projected = "projected"

    static func projects(_ group: ParameterGroup) -> Bool { group.name.hasPrefix(projected) }

    let method: GradNormLoRP
    let settings: OptimizerSettings
    /// Tensors of fewer elements keep their moments in fp32.
    var smallestCoded = 4096

    init(_ method: GradNormLoRP, _ settings: OptimizerSettings) {
        self.method = method
        self.settings = settings
    }

    private var epsilon: Double { method.epsilon ?? (method.eightBit ? 1e-8 : 1e-6) }

    func update(_ group: ParameterGroup, rate: Double) throws {
        guard let values = group.values, let gradients = group.gradients else { return }
        guard ProjectedAdamW.projects(group) else {
            let direction = try adam(gradients, "plain", group)
            try values.addInPlace(direction, alpha: -rate)
            return try decay(values, rate)
        }
        for variable in group.variables {
            try update(variable, in: group, group.view(gradients, of: variable), rate: rate)
        }
    }

    /// Updates one projected variable by its gradient.
    func update(_ variable: Variable, in group: ParameterGroup, _ gradient: Tensor, rate: Double) throws {
        guard let values = group.values else { return }
        let (value, basis) = (try group.view(values, of: variable), GradientBasis(of: variable, in: group))
        if method.parametrization == .weightNorm {
            return try stepNormalised(value, gradient, basis, variable.name, group, rate)
        }
        let direction = try adam(basis.down(gradient), variable.name, group)
        try value.addInPlace(basis.up(direction), alpha: -rate * method.scale)
        try decay(value, rate)
    }

    private func decay(_ value: Tensor, _ rate: Double) throws {
        if settings.weightDecay > 0 { try value.mulInPlace(1 - rate * settings.weightDecay) }
    }

    /// What of a variable's gradient is projected: the direction's of a normalised weight, else all of it.
    func projectable(_ variable: Variable, in group: ParameterGroup, _ gradient: Tensor) throws -> Tensor {
        guard method.parametrization == .weightNorm else { return gradient }
        return try Normalised(variable.value, gradient, variable.name, group, method).ofDirection
    }

    /// W = g v / ‖v‖, [rows, 1] and [rows, columns], and the gradients of both.
    private struct Normalised {
        let v: Tensor
        let g: Tensor
        let ofDirection: Tensor
        let ofMagnitude: Tensor

        init(
            _ weight: Tensor, _ gradient: Tensor, _ name: String, _ group: ParameterGroup, _ method: GradNormLoRP
        ) throws {
            v = try group.extras[name + "/direction"] ?? weight.detach().clone()
            let n = try v.norm(dims: [1], keepDim: true)
            g = try method.resetMagnitude ? n.clone() : group.extras[name + "/magnitude"] ?? n.clone()
            let unit = try v / n
            ofMagnitude = try (gradient * unit).sum([1], keepDim: true)
            let tangent = try method.resetMagnitude ? gradient : gradient - unit * ofMagnitude
            ofDirection = try tangent * (g / n)
        }
    }

    /// Steps of g and of the projected v.
    private func stepNormalised(
        _ weight: Tensor, _ gradient: Tensor, _ basis: GradientBasis, _ name: String, _ group: ParameterGroup,
        _ rate: Double
    ) throws {
        let parts = try Normalised(weight, gradient, name, group, method)
        let (v, g) = (parts.v, parts.g)
        try v.addInPlace(
            basis.up(adam(basis.down(parts.ofDirection), name, group)), alpha: -rate * method.scale)
        try g.addInPlace(adam(parts.ofMagnitude, name + "/magnitude", group), alpha: -rate)
        try decay(v, rate)
        try decay(g, rate)
        group.extras[name + "/direction"] = v
        group.extras[name + "/magnitude"] = method.resetMagnitude ? nil : g
        try weight.copyInPlace(v * (g / v.norm(dims: [1], keepDim: true)))
    }
}

// MARK: Adam

extension ProjectedAdamW {
    /// The bias-corrected direction, from moments that are kept under a name.
    private func adam(_ gradient: Tensor, _ name: String, _ group: ParameterGroup) throws -> Tensor {
        let k = Double(group.clock)
        let first = 1 - pow(settings.beta1, k)
        let second = (1 - pow(settings.beta2, k)).squareRoot()
        guard method.eightBit, try gradient.count >= smallestCoded else {
            let mean = try averaged(group.extras[name + "/mean"], gradient, settings.beta1)
            let square = try averaged(group.extras[name + "/square"], gradient * gradient, settings.beta2)
            (group.extras[name + "/mean"], group.extras[name + "/square"]) = (mean, square)
            if method.eightBit { return try (mean / first) / (square.sqrt() / second + epsilon) }
            return try mean / (square.sqrt() + epsilon) * (second / first)
        }
        let shape = try gradient.shape
        let (meanBook, squareBook) = (BlockCodes.signed, BlockCodes.unsigned)
        let mean = try averaged(
            meanBook.stored(name + "/mean", in: group.extras, shape), gradient, settings.beta1)
        let square = try averaged(
            squareBook.stored(name + "/square", in: group.extras, shape), gradient * gradient, settings.beta2)
        try meanBook.store(mean, name + "/mean", in: &group.extras)
        try squareBook.store(square, name + "/square", in: &group.extras)
        return try (mean / first) / (square.sqrt() / second + epsilon)
    }

    private func averaged(_ old: Tensor?, _ new: Tensor, _ beta: Double) throws -> Tensor {
        let share = try new * (1 - beta)
        return try old.map { try $0 * beta + share } ?? share
    }
}
