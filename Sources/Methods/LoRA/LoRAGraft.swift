import Networks
import Torch

/// The factors of one projection and what they compute.
///
/// Every kind of projection has a matrix form M [out, in]: W itself, its transpose for GPT-2's layers and embeddings, the
/// flattened kernel for convolutions. B A is a change of M.
public final class LoRAGraft: ProjectionGraft {
    /// A: [r, in], for a convolution [r, in, height, width].
    public let a: Variable
    /// B: [out, r], for a convolution [out, r / groups, 1, 1].
    public let b: Variable
    /// Bias of B [out].
    public let bBias: Variable?
    /// DoRA's magnitude: [out], for a convolution [1, out, 1, 1].
    public let magnitude: Variable?
    /// The weight less what the factors add at the start.
    public let residual: Tensor?
    /// The factors that the residual was made with, where it is of low rank.
    public let initial: (a: Variable, b: Variable)?
    /// s.
    public let scaling: Double
    /// Rank of the product.
    public let rank: Int
    private let dropout: Double
    private var frozenNorms: Tensor?

    /// - Parameter key: of the random draws of this projection.
    convenience init(_ method: LoRA, rank: Int, scaling: Double, at site: Projection, key: RandomKey) throws {
        try LoRAGraft.requireSupported(site, method)
        let start = try method.initLoRAWeights.start(method, rank: rank, scaling: scaling, at: site, key: key)
        try self.init(method, rank: rank, scaling: scaling, at: site, start: start)
    }

    private static func requireSupported(_ site: Projection, _ method: LoRA) throws {
        if case .convolution(let shape) = site.kind, shape.groups > 1 {
            throw MethodError.option("target_modules: \(site.path) is a grouped convolution, which LoRA cannot merge")
        }
        if site.isEmbedding, method.loraBias {
            throw MethodError.option("lora_bias: \(site.path) is an embedding, whose branch has no bias")
        }
    }

    /// A graft that begins with the given factors.
    init(_ method: LoRA, rank: Int, scaling: Double, at site: Projection, start: LoRAStart) throws {
        let names = site.isEmbedding ? ("lora_embedding_A", "lora_embedding_B") : ("lora_A.weight", "lora_B.weight")
        self.rank = rank
        self.scaling = scaling
        dropout = method.loraDropout
        a = try Variable("\(site.path).\(names.0)", start.a)
        b = try Variable("\(site.path).\(names.1)", start.b)
        bBias = try start.bBias.map { try Variable("\(site.path).lora_B.bias", $0) }
        residual = start.residual
        initial =
            try start.isLowRankResidual
            ? (
                Variable("\(site.path).lora_A.initial", start.a.clone(), role: .state),
                Variable("\(site.path).lora_B.initial", start.b.clone(), role: .state)
            ) : nil
        guard method.useDoRA else {
            magnitude = nil
            return
        }
        // The norms before the first step, of the frozen weight + s B A.
        let norms = try LoRAGraft.norms(
            site.matrix(start.residual ?? site.weight.base), frozen: nil, a: start.a, b: start.b, scaling: scaling)
        magnitude = try Variable("\(site.path).lora_magnitude_vector", site.broadcastOutputs(norms))
        try site.weight.releaseStreamed()
    }

    /// A, B and what stands beside them.
    public var variables: [Variable] {
        [a, b, bBias, magnitude, initial?.a, initial?.b].compactMap { $0 }
    }
}

// MARK: Forward

extension LoRAGraft {
    /// `output` + s·B A x, or with DoRA what makes it b + (m/n)(x Mᵀ + s x Aᵀ Bᵀ).
    public func adding(
        to output: Tensor, base: Tensor, x: Tensor, at site: Projection, _ context: ForwardContext
    ) throws -> Tensor {
        guard let magnitude else { return try addingProduct(to: output, x, scaling, at: site, context) }
        // b + (m/n)(x Mᵀ + s x Aᵀ Bᵀ) as a change of the base's output: (m/n - 1) x Mᵀ + (m/n) s x Aᵀ Bᵀ.
        let frozen = residual ?? site.weight.value
        let factor = try factor(magnitude, frozen: frozen, at: site)
        let dropped = try droppedInput(x, at: site, context)
        if output.isSame(as: base), dropped.isSame(as: x) {
            // The base's output itself is to be changed: f (base + s x Aᵀ Bᵀ) with the bias outside of the factor f.
            let scaled = try addingProduct(to: base, x, scaling, at: site, ForwardContext()) * factor
            guard let bias = try site.bias.map({ try site.broadcastOutputs($0.value) }) else { return scaled }
            return try scaled + (bias - bias * factor)
        }
        let withoutBias: Tensor
        if dropped.isSame(as: x) {
            withoutBias = try site.bias.map { try base - site.broadcastOutputs($0.value) } ?? base
        } else {
            withoutBias = try site.apply(frozen, nil, to: dropped)
        }
        let product = try addingProduct(to: withoutBias, dropped, scaling, at: site, ForwardContext())
        return try output + (product * factor - withoutBias)
    }

    /// The projection of a LoRA of one type in one node, and that of DoRA.
    public func output(
        of x: Tensor, frozen weight: Tensor, at site: Projection, _ context: ForwardContext
    ) throws -> Tensor? {
        let own = [a.value, b.value] + (magnitude.map { [$0.value] } ?? [])
        guard site.isLinear, bBias == nil, try site.isOfOneType(x, weight, own) else { return nil }
        let matrix = try site.matrix(weight)
        let factors = (a: a.value, b: b.value)
        guard let magnitude else {
            let drops = context.isTraining && dropout > 0
            return try x.lowRankLinear(
                matrix, site.bias?.value, factors: factors, scaling: scaling,
                dropout: drops ? (dropout, context.key.derived(a.name)) : nil)
        }
        let factor = try factor(magnitude, frozen: weight, at: site)
        let dropped = try droppedInput(x, at: site, context)
        if dropped.isSame(as: x) {
            return try x.lowRankLinear(
                matrix, site.bias?.value, factors: factors, magnitude: factor, scaling: scaling)
        }
        // What was dropped goes past the factor: b + x Mᵀ + (f - 1) d Mᵀ + f s d Aᵀ Bᵀ.
        return try (x - dropped).linear(matrix, site.bias?.value)
            + dropped.lowRankLinear(matrix, nil, factors: factors, magnitude: factor, scaling: scaling)
    }

    /// m/n in a shape that multiplies the output, where n is no part of the graph.
    private func factor(_ magnitude: Variable, frozen: Tensor, at site: Projection) throws -> Tensor {
        let norms = try withoutGradients {
            try LoRAGraft.norms(
                site.matrix(frozen), frozen: frozenNorms(frozen, at: site), a: a.value, b: b.value, scaling: scaling)
        }
        return try magnitude.value / site.broadcastOutputs(norms)
    }

    private func droppedInput(_ x: Tensor, at site: Projection, _ context: ForwardContext) throws -> Tensor {
        // peft drops nothing where the input is ids.
        site.isEmbedding ? x : try context.dropout(x, dropout, at: a.name)
    }

    /// `output` + s·B(A(dropout(x))).
    private func addingProduct(
        to output: Tensor, _ x: Tensor, _ scaling: Double, at site: Projection, _ context: ForwardContext
    ) throws -> Tensor {
        let dtype = try output.dtype
        switch site.kind {
        case .linear, .transposedLinear:
            let dropped = try droppedInput(x, at: site, context).to(a.value.dtype)
            let rows = try dropped.reshape([-1, site.inputSize])
            let hidden = try rows.matmul(a.value.t())
            let shape = try output.shape
            var sum = try output.to(a.value.dtype).reshape([-1, site.outputSize]).addmm(
                hidden, b.value.t(), alpha: scaling)
            if let bBias { sum = try sum + bBias.value * scaling }
            return try sum.reshape(shape).to(dtype)
        case .embedding:
            let hidden = try site.rows(of: a.value.t(), at: x)
            return try output + (hidden.matmul(b.value.t()) * scaling).to(dtype)
        case .convolution(let shape):
            let dropped = try droppedInput(x, at: site, context).to(a.value.dtype)
            let hidden = try dropped.conv2d(a.value, nil, stride: shape.stride, padding: shape.padding)
            let product = try hidden.conv2d(b.value, bBias?.value, groups: shape.groups)
            return try output + (product * scaling).to(dtype)
        }
    }

    /// ‖rows of M + s B A‖ without that matrix: ‖M‖² + 2s Σ(B ∘ M Aᵀ) + s² Σ((B A Aᵀ) ∘ B), row by row.
    /// - Parameter frozen: ‖M‖² if it is known.
    static func norms(_ matrix: Tensor, frozen: Tensor?, a: Tensor, b: Tensor, scaling: Double) throws -> Tensor {
        let (m, a) = (try matrix.to(a.dtype), try a.reshape([a.size(0), -1]))
        let b = try b.reshape([-1, a.size(0)])
        let squares = try frozen ?? (m * m).sum([1])
        let cross = try (b * m.linear(a)).sum([1])
        let own = try (b.matmul(a.matmul(a.t())) * b).sum([1])
        return try (squares + cross * (2 * scaling) + own * (scaling * scaling)).relu().sqrt()
    }

    /// ‖M‖², made once; nil of a weight that another adapter put in the base's place, which may change.
    private func frozenNorms(_ weight: Tensor, at site: Projection) throws -> Tensor? {
        guard weight.isSame(as: residual ?? site.weight.base) else { return nil }
        if let frozenNorms { return frozenNorms }
        let wide = try site.matrix(weight).to(.float32)
        let squares = try (wide * wide).sum([1])
        frozenNorms = squares
        return squares
    }
}

// MARK: Merge

extension LoRAGraft {
    /// s B A in the layout of the projection's weight.
    func delta(at site: Projection, dtype: DType) throws -> Tensor {
        let (a, b) = (try a.value.to(dtype), try b.value.to(dtype))
        let product = try b.reshape([site.outputSize, -1]).matmul(a.reshape([rank, -1])) * scaling
        return try site.layout(product)
    }

    /// The weight with s B A in it, for DoRA with rescaled rows, and the bias with that of B.
    public func merged(weight: Tensor, bias: Tensor?, at site: Projection) throws -> (weight: Tensor, bias: Tensor?) {
        try withoutGradients {
            let dtype = try weight.dtype
            // Grafts add up: what this one changes of the base is added to what earlier ones made of it.
            let isFirst = site.grafts.first === self
            if isFirst, residual == nil, magnitude == nil, case .linear = site.kind {
                let (a, b) = (try a.value.to(dtype), try b.value.to(dtype))
                return (try weight.addmm(b, a, alpha: scaling), try mergedBias(bias, at: site))
            }
            let base = try isFirst ? weight : site.weight.value.to(dtype)
            let frozen = try residual?.to(dtype) ?? base
            var changed = try frozen + delta(at: site, dtype: dtype)
            if let magnitude {
                let norms = try LoRAGraft.norms(
                    site.matrix(frozen), frozen: nil, a: a.value.to(dtype), b: b.value.to(dtype), scaling: scaling)
                let factor = try magnitude.value.to(dtype).reshape([-1]) / norms
                changed = try site.layout(site.matrix(changed) * factor.unsqueeze(1))
            }
            let isBase = try isFirst || weight.isEqual(to: base)
            return (try isBase ? changed : weight + (changed - base), try mergedBias(bias, at: site))
        }
    }

    private func mergedBias(_ bias: Tensor?, at site: Projection) throws -> Tensor? {
        guard let bBias else { return bias }
        guard let bias else {
            throw MethodError.unmergeable("\(site.path) has no bias that the adapter's lora_bias could be folded into")
        }
        return try bias + bBias.value.to(bias.dtype) * scaling
    }
}

extension Projection {
    var isEmbedding: Bool {
        if case .embedding = kind { true } else { false }
    }

    /// Whether input, weight, bias and a graft's own tensors are of one type.
    func isOfOneType(_ x: Tensor, _ weight: Tensor, _ own: [Tensor]) throws -> Bool {
        let dtype = try x.dtype
        return try ([weight] + (bias.map { [$0.value] } ?? []) + own).allSatisfy { try $0.dtype == dtype }
    }

    /// A weight of this projection in matrix form [out, in].
    public func matrix(_ weight: Tensor) throws -> Tensor {
        switch kind {
        case .linear: weight
        case .transposedLinear, .embedding: try weight.t()
        case .convolution: try weight.reshape([outputSize, -1])
        }
    }

    /// A matrix [out, in] in the layout of this projection's weight.
    func layout(_ matrix: Tensor) throws -> Tensor {
        switch kind {
        case .linear: matrix
        case .transposedLinear, .embedding: try matrix.t().contiguous()
        case .convolution: try matrix.reshape(weight.base.shape)
        }
    }

    /// A vector [out] in a shape that multiplies this projection's output.
    func broadcastOutputs(_ vector: Tensor) throws -> Tensor {
        if case .convolution = kind { return try vector.reshape([1, -1, 1, 1]) }
        return vector
    }
}
