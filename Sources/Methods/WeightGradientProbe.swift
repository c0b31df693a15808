import Torch

/// The gradient of a linear layer's weight, where the weight itself is no leaf: G = δᵀ x, from what went into the layer
/// and the gradient δ of what came out. Between forward and backward only δ's place is kept, and nothing of the size of
/// the weight.
final class WeightGradientProbe {
    private var noted: [(x: Tensor, output: Tensor)] = []

    /// Notes a forward.
    /// - Parameters:
    ///   - output: what came out, rows in any leading shape.
    ///   - x: what went in, of the same rows.
    /// - Returns: the output, to be used in place of the given one.
    func noting(_ output: Tensor, _ x: Tensor) throws -> Tensor {
        let zero = try output.detach().zerosLike().setRequiresGrad(true)
        noted.append((try x.detach(), zero))
        return try output + zero
    }

    /// G [out, in], summed over the forwards that a backward has reached since the last call; nil for none.
    func take() throws -> Tensor? {
        defer { forget() }
        return try withoutGradients {
            var gradient: Tensor?
            for (x, output) in noted {
                guard let delta = try output.grad else { continue }
                let rows = try delta.reshape([-1, delta.size(-1)])
                let part = try rows.t().matmul(x.reshape([-1, x.size(-1)]).to(rows.dtype))
                gradient = try gradient.map { try $0 + part } ?? part
            }
            return gradient
        }
    }

    /// Forgets forwards whose backward does not matter.
    func forget() { noted = [] }
}
