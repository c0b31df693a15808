import Torch

/// What one attention layer asks for.
public struct AttentionSettings: Sendable {
    /// Factor of the scores, usually 1/√head.
    public var scale: Double
    /// Scores become softcap·tanh(scores / softcap).
    public var softcap: Double?
    /// Dropout of the probabilities in training.
    public var dropout: Double
    /// Which keys a query may see.
    public var pattern: AttentionPattern

    /// Settings of a layer.
    public init(scale: Double, softcap: Double? = nil, dropout: Double = 0, pattern: AttentionPattern) {
        self.scale = scale
        self.softcap = softcap
        self.dropout = dropout
        self.pattern = pattern
    }
}

extension ForwardContext {
    /// softmax(q kᵀ·scale + mask) v.
    /// - Parameters:
    ///   - q: [rows, heads, queries, head].
    ///   - k: [rows, key heads, keys, head]; fewer key heads than heads are shared by groups.
    ///   - v: as `k`.
    ///   - site: whose grafts may add keys and values that every query sees.
    /// - Returns: [rows, queries, heads·head].
    public func attention(
        _ q: Tensor, _ k: Tensor, _ v: Tensor, _ settings: AttentionSettings, input: ModelInput,
        at site: AttentionSite
    ) throws -> Tensor {
        let isCross = site.isCross
        guard let extra = try site.extraRows(self) else {
            return try attention(
                q, k, v, settings, input: input, isCross: isCross, at: site.path + ".probabilities")
        }
        let rows = try q.size(0)
        func joined(_ extra: Tensor, _ own: Tensor) throws -> Tensor {
            try Tensor.cat([extra.to(own.dtype).expand([rows, -1, -1, -1]), own], dim: 2)
        }
        return try attention(
            q, joined(extra.keys, k), joined(extra.values, v), settings, input: input,
            extraKeys: extra.keys.size(2), isCross: isCross, at: site.path + ".probabilities")
    }

    /// - Parameters:
    ///   - extraKeys: how many of the keys, from the first, belong to no position: every query sees them.
    ///   - isCross: keys belong to another sequence than the queries, and so does the input's mask.
    func attention(
        _ q: Tensor, _ k: Tensor, _ v: Tensor, _ settings: AttentionSettings, input: ModelInput, extraKeys: Int = 0,
        isCross: Bool = false, at site: String
    ) throws -> Tensor {
        let (heads, queries) = (try q.size(1), try q.size(2))
        let (keyHeads, keys) = (try k.size(1), try k.size(2))
        let (dtype, device) = (try q.dtype, try q.device)
        func mask(_ masks: inout AttentionMasks) throws -> AttentionMasks.Mask {
            try masks.mask(
                settings.pattern, input: input, queries: queries, keys: keys - extraKeys, extraKeys: extraKeys,
                dtype: dtype, device: device)
        }
        let mask = try isCross ? mask(&crossMasks) : mask(&masks)
        if queries == 1, heads > keyHeads, settings.softcap == nil, !isTraining {
            // One query per head: those that share keys stand as queries of one head, and no key is copied.
            let grouped = try q.reshape([q.size(0), keyHeads, heads / keyHeads, -1])
            let mixed = try Tensor.attention(grouped, k, v, mask: mask.additive, causal: false, scale: settings.scale)
            return try mixed.reshape([q.size(0), 1, -1])
        }
        let k = try heads == keyHeads ? k : k.repeatInterleave(heads / keyHeads, dim: 1)
        let v = try heads == keyHeads ? v : v.repeatInterleave(heads / keyHeads, dim: 1)
        let mixed: Tensor
        if settings.softcap == nil, !isTraining || settings.dropout == 0 {
            mixed = try Tensor.attention(q, k, v, mask: mask.additive, causal: mask.isCausal, scale: settings.scale)
        } else {
            mixed = try plainAttention(q, k, v, settings, mask, at: site)
        }
        let rows = try mixed.size(0)
        return try mixed.transpose(1, 2).reshape([rows, queries, -1])
    }

    /// With all probabilities in memory: what softcapping and dropout of probabilities need.
    private func plainAttention(
        _ q: Tensor, _ k: Tensor, _ v: Tensor, _ settings: AttentionSettings, _ mask: AttentionMasks.Mask,
        at site: String
    ) throws -> Tensor {
        var scores = try q.matmul(k.transpose(-2, -1)) * settings.scale
        if let softcap = settings.softcap { scores = try (scores / softcap).tanh() * softcap }
        if let additive = mask.additive {
            scores = try scores + additive
        } else if mask.isCausal {
            let later = try Tensor.ones([try q.size(2), try k.size(2)], dtype: .bool, device: try q.device).triu(1)
            scores = try scores.maskedFill(later, try q.dtype.lowest)
        }
        return try dropout(scores.softmax(), settings.dropout, at: site).matmul(v)
    }
}
