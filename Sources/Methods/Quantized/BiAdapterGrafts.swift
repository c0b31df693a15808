import Networks
import Torch

/// A bottleneck of rounded matrices beside a feed-forward branch, or without the relu beside a projection.
final class BiAdapterBranch: SublayerGraft, ProjectionGraft {
    /// [r, in]
    let down: Variable
    /// [out, r]
    let up: Variable
    private let rounding: (down: QuantizedMatrix, up: QuantizedMatrix)?
    private let method: BiAdapter

    init(_ method: BiAdapter, path: String, input: Int, output: Int, key: RandomKey) throws {
        self.method = method
        rounding = method.bits < 32 ? (QuantizedMatrix(bits: method.bits), QuantizedMatrix(bits: method.bits)) : nil
        let bound = 1 / Double(input).squareRoot()
        down = try Variable(
            "\(path).adapter_down.weight", .uniform([method.dim, input], -bound, bound, key: key.derived("down")),
            packing: rounding?.down)
        let shape = [output, method.dim]
        up = try Variable(
            "\(path).adapter_up.weight",
            rounding == nil ? .zeros(shape) : BiAdapterBranch.cutNormal(shape, key: key.derived("up")),
            packing: rounding?.up)
    }

    /// Normal numbers of deviation 0.001, drawn again where they are beyond ±0.002.
    private static func cutNormal(_ shape: [Int], key: RandomKey) throws -> Tensor {
        var numbers = try Tensor.normal(shape, key: key)
        // One in twenty is outside: after 32 rounds, none is.
        for round in 0..<32 {
            numbers = try .where(numbers.abs().gt(2), .normal(shape, key: key.derived(round)), numbers)
        }
        return try numbers.clamp(-2, 2) * 0.001
    }

    var variables: [Variable] { [down, up] }

    /// The matrices that it computes with.
    func matrices() throws -> (down: Tensor, up: Tensor) {
        guard let rounding else { return (down.value, up.value) }
        return (try rounding.down(down.value), try rounding.up(up.value))
    }

    /// s·Up_q(dropout(relu(Down_q x))).
    func contribution(_ x: Tensor, _ context: ForwardContext) throws -> Tensor {
        let (down, up) = try matrices()
        var hidden = try x.to(down.dtype).linear(down)
        if method.style == .adaptformer { hidden = try hidden.relu() }
        hidden = try context.dropout(hidden, method.dropout, at: self.down.name)
        return try (hidden.linear(up) * method.scale).to(x.dtype)
    }

    func branchOutput(_ pass: Sublayer.Pass, at site: Sublayer, _ context: ForwardContext) throws -> Tensor {
        try pass.branch + contribution(pass.residual, context)
    }

    func adding(
        to output: Tensor, base: Tensor, x: Tensor, at site: Projection, _ context: ForwardContext
    ) throws -> Tensor {
        try output + contribution(x, context)
    }

    func merged(weight: Tensor, bias: Tensor?, at site: Projection) throws -> (weight: Tensor, bias: Tensor?) {
        try withoutGradients {
            let (down, up) = try matrices()
            let dtype = try weight.dtype
            let change = try up.to(dtype).matmul(down.to(dtype)) * method.scale
            return (try weight + site.layout(change), bias)
        }
    }
}

/// A one-bit matrix, without a bias, in the place of a classifier's.
final class BinaryHead: ProjectionGraft {
    /// [classes, in]
    let weight: Variable
    private let rounding = QuantizedMatrix(bits: 1)

    /// Starts as the classifier.
    init(at site: Projection) throws {
        weight = try Variable("\(site.path).weight", site.weight.base.clone(), packing: rounding)
    }

    var variables: [Variable] { [weight] }

    func adding(
        to output: Tensor, base: Tensor, x: Tensor, at site: Projection, _ context: ForwardContext
    ) throws -> Tensor {
        try output - base + x.linear(rounding(weight.value))
    }

    func merged(weight: Tensor, bias: Tensor?, at site: Projection) throws -> (weight: Tensor, bias: Tensor?) {
        try withoutGradients {
            (try rounding(self.weight.value).to(weight.dtype), try bias?.zerosLike())
        }
    }
}
