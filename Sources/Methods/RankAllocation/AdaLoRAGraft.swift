import Networks
import Torch

/// The triplets of one projection and what they compute.
public final class AdaLoRAGraft: ProjectionGraft {
    /// A: [r, in]; the rows of a convolution are flattened kernels.
    public let a: Variable
    /// E: [r, 1].
    public let e: Variable
    /// B: [out, r].
    public let b: Variable
    /// 1 for a triplet that is in use, 0 for one that the final allocation switched off: [r, 1].
    public let mask: Variable
    /// Which of the init_r triplets the rows are.
    let kept: [Bool]
    /// lora_alpha / (init_r + 1e-5).
    public let scaling: Double
    private let dropout: Double

    /// - Parameters:
    ///   - kept: which of the init_r triplets there are.
    ///   - key: of the random draws of this projection.
    init(_ method: AdaLoRA, kept: [Bool], at site: Projection, key: RandomKey) throws {
        switch site.kind {
        case .linear, .transposedLinear: break
        case .convolution(let shape) where shape.groups == 1: break
        case .convolution, .embedding:
            throw MethodError.option(
                "target_modules: \(site.path) is neither a linear layer nor a convolution of one group, the kinds that "
                    + "adalora is defined for")
        }
        self.kept = kept
        let rank = kept.count { $0 }
        let columns = try site.weight.base.count / site.outputSize
        let std = method.initLoRAWeights ? 0.02 : 1
        a = try Variable("\(site.path).lora_A", Tensor.normal([rank, columns], std: std, key: key.derived("A")))
        b = try Variable(
            "\(site.path).lora_B", Tensor.normal([site.outputSize, rank], std: std, key: key.derived("B")))
        let start =
            try method.initLoRAWeights ? Tensor.zeros([rank, 1]) : Tensor.normal([rank, 1], key: key.derived("E"))
        e = try Variable("\(site.path).lora_E", start)
        mask = try Variable("\(site.path).lora_E.mask", Tensor.ones([rank, 1]), role: .state)
        scaling = method.scaling / (Double(method.initR) + 1e-5)
        dropout = method.loraDropout
    }

    /// A, E and B, and which triplets are in use.
    public var variables: [Variable] { [a, e, b, mask] }

    /// Number of triplets that are there.
    var rank: Int { kept.count { $0 } }

    /// Which of the init_r triplets are in use.
    func tripletsInUse() throws -> [Bool] {
        var rows = try mask.value.array(of: Float.self).map { $0 != 0 }[...]
        return kept.map { $0 && (rows.popFirst() ?? false) }
    }
}

// MARK: Forward and merge

extension AdaLoRAGraft {
    /// `output` + dropout(x) (A ∘ E)ᵀ Bᵀ · scaling.
    public func adding(
        to output: Tensor, base: Tensor, x: Tensor, at site: Projection, _ context: ForwardContext
    ) throws -> Tensor {
        guard rank > 0 else { return output }
        let dropped = try context.dropout(x, dropout, at: a.name).to(a.value.dtype)
        let dtype = try output.dtype
        guard case .convolution = site.kind else {
            let hidden = try dropped.reshape([-1, site.inputSize]).matmul((a.value * e.value).t())
            let sum = try output.to(a.value.dtype).reshape([-1, site.outputSize]).addmm(
                hidden, b.value.t(), alpha: scaling)
            return try sum.reshape(output.shape).to(dtype)
        }
        return try output + site.apply(delta(at: site, dtype: a.value.dtype), nil, to: dropped).to(dtype)
    }

    /// The projection in one node, where all is of one type.
    public func output(
        of x: Tensor, frozen weight: Tensor, at site: Projection, _ context: ForwardContext
    ) throws -> Tensor? {
        guard site.isLinear, rank > 0, try site.isOfOneType(x, weight, [a.value, e.value, b.value]) else { return nil }
        let drops = context.isTraining && dropout > 0
        return try x.lowRankLinear(
            site.matrix(weight), site.bias?.value, factors: (a.value * e.value, b.value), scaling: scaling,
            dropout: drops ? (dropout, context.key.derived(a.name)) : nil)
    }

    /// B (A ∘ E) · scaling in the layout of the projection's weight.
    private func delta(at site: Projection, dtype: DType) throws -> Tensor {
        let right = try a.value.to(dtype) * e.value.to(dtype)
        return try site.layout(b.value.to(dtype).matmul(right) * scaling)
    }

    /// The weight with the product in it.
    public func merged(weight: Tensor, bias: Tensor?, at site: Projection) throws -> (weight: Tensor, bias: Tensor?) {
        try withoutGradients { (try weight + delta(at: site, dtype: weight.dtype), bias) }
    }
}
