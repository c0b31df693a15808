import Networks
import Torch

/// A prefix that queries attend to apart from the sequence, in each head:
///
///     head = Attn(q, K, V) + softmax(s·q′ P_Kᵀ) P_V        added
///     head = (1 − λ)·Attn(q, K, V) + λ·softmax(s·q′ P_Kᵀ) P_V        gated, λ = Σexp(s·q′P_Kᵀ) / (Σexp(s·q′P_Kᵀ) + Σexp(s·qKᵀ))
///     head = Attn(q, K, V) + relu(q′ P_Kᵀ) P_V        an adapter in each head
///
/// s is the factor of the scores, 1/√head; q′ is q, or W_q norm(x) + b_q with a norm of the graft's own. Source: He et al.
/// 2022 (arXiv:2110.04366, equations 7 to 9) and the authors' code, which leaves s out with ReLU.
final class PrefixHeads: AttentionGraft, HoldsPrefix {
    let prefix: Prefix
    private let option: MAMAdapter.AttentionOption
    private let composition: MAMAdapter.AttentionComposition
    /// Factor and shift of the norm before the queries [size].
    let norm: (weight: Variable, bias: Variable)?
    private static let normEps = 1e-5

    /// - Throws: `MethodError.option` where the queries need a norm of the input, and the site's are made otherwise.
    init(
        _ prefix: Prefix, _ option: MAMAdapter.AttentionOption, _ composition: MAMAdapter.AttentionComposition,
        at site: AttentionSite
    ) throws {
        (self.prefix, self.option, self.composition) = (prefix, option, composition)
        guard option != .crossAttentionWithoutNorm else {
            norm = nil
            return
        }
        try site.requireQuery(for: "attn_option: \(option.rawValue)")
        norm = (
            try Variable("\(site.path).attn_ln.weight", .ones([site.size])),
            try Variable("\(site.path).attn_ln.bias", .zeros([site.size]))
        )
    }

    var variables: [Variable] { prefix.variables + [norm?.weight, norm?.bias].compactMap { $0 } }

    func heads(_ heads: Tensor, _ pass: AttentionPass, at site: AttentionSite, _ context: ForwardContext) throws
        -> Tensor
    {
        let dtype = try heads.dtype
        let stored = try prefix.keysAndValues(at: site, context)
        let shared = site.heads / site.keyHeads
        let (keys, values) = (
            try stored.keys.to(dtype).repeatInterleave(shared, dim: 1),
            try stored.values.to(dtype).repeatInterleave(shared, dim: 1)
        )
        let products = try queries(pass, at: site, context).matmul(keys.transpose(-2, -1))
        if option == .crossAttentionReLU {
            return try heads + joined(products.relu().matmul(values))
        }
        let scores = try products * pass.scale
        let own = try scores.softmax().matmul(values)
        guard composition == .gateAdd else { return try heads + joined(own) }
        let share = try (scores.logSumExp([-1], keepDim: true) - pass.logSum()).sigmoid()
        let apart = try heads.reshape([heads.size(0), heads.size(1), site.heads, -1]).transpose(1, 2)
        return try joined(apart + share * (own - apart))
    }

    /// q′, [rows, heads, queries, head].
    private func queries(_ pass: AttentionPass, at site: AttentionSite, _ context: ForwardContext) throws -> Tensor {
        guard let norm, let query = site.query, let input = pass.input else { return pass.queries }
        let x = try input.layerNorm(
            [site.size], weight: norm.weight.value.to(input.dtype), bias: norm.bias.value.to(input.dtype),
            eps: PrefixHeads.normEps)
        let all = try query.projection(x, context).narrow(2, query.outputs.lowerBound, query.outputs.count)
        return try all.reshape([x.size(0), x.size(1), site.heads, -1]).transpose(1, 2)
    }

    /// [rows, heads, queries, head] as [rows, queries, heads · head].
    private func joined(_ x: Tensor) throws -> Tensor {
        try x.transpose(1, 2).reshape([x.size(0), x.size(2), -1])
    }
}

/// A bottleneck of an attention's input, added to its heads before the output projection.
final class BottleneckHeads: AttentionGraft {
    /// The bottleneck.
    let adapter: BottleneckGraft

    init(_ settings: BottleneckSettings, at site: AttentionSite, key: RandomKey) throws {
        adapter = try BottleneckGraft(settings, path: site.path, size: site.size, key: key)
    }

    var variables: [Variable] { adapter.variables }

    func heads(_ heads: Tensor, _ pass: AttentionPass, at site: AttentionSite, _ context: ForwardContext) throws
        -> Tensor
    {
        guard let input = pass.input else { return heads }
        return try heads + adapter.bottleneck(input, context)
    }
}

extension AttentionSite {
    /// Refuses an attention that does not say what makes its queries.
    func requireQuery(for option: String) throws {
        guard query != nil, heads * headSize == size else {
            throw MethodError.option(
                "\(option) needs an attention whose queries are a projection of its input, and \(path) rotates them or "
                    + "makes them otherwise: use attn_option concat or cross_attn_noln, or attn_mode adapter with sequential"
            )
        }
    }
}
