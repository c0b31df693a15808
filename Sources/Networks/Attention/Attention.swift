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
    ///   - input: whose `queries` say which positions of the rows `q` has something at.
    ///   - x: what the queries were made of, for the grafts of sites that have a `query`.
    ///   - site: whose grafts may add keys and values that every query sees, and change what comes out.
    /// - Returns: [rows, queries, heads·head], or [lanes, count, heads·head] of the positions that queries are made of.
    public func attention(
        _ q: Tensor, _ k: Tensor, _ v: Tensor, _ settings: AttentionSettings, input: ModelInput, from x: Tensor? = nil,
        at site: AttentionSite
    ) throws -> Tensor {
        var mixed = try mixed(q, k, v, settings, input: input, at: site)
        if !site.grafts.isEmpty {
            let x = try site.query == nil ? nil : x.map { try input.queries?.spread($0) ?? $0 }
            let pass = AttentionPass(input: x, queries: q, scale: settings.scale) {
                try self.logSum(q, k, settings, input: input, isCross: site.isCross)
            }
            mixed = try site.grafts.reduce(mixed) { try $1.heads($0, pass, at: site, self) }
        }
        return try input.queries?.collected(mixed) ?? mixed
    }

    private func mixed(
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
        let mask = try mask(settings, q, keys: keys - extraKeys, extraKeys: extraKeys, input, isCross: isCross)
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

    private func mask(
        _ settings: AttentionSettings, _ q: Tensor, keys: Int, extraKeys: Int = 0, _ input: ModelInput, isCross: Bool
    ) throws -> AttentionMasks.Mask {
        func made(_ masks: inout AttentionMasks) throws -> AttentionMasks.Mask {
            try masks.mask(
                settings.pattern, input: input, queries: q.size(2), keys: keys, extraKeys: extraKeys, dtype: q.dtype,
                device: q.device)
        }
        return try isCross ? made(&crossMasks) : made(&masks)
    }

    /// [rows, heads, queries, 1].
    private func logSum(
        _ q: Tensor, _ k: Tensor, _ settings: AttentionSettings, input: ModelInput, isCross: Bool
    ) throws -> Tensor {
        let keys = try k.repeatInterleave(q.size(1) / k.size(1), dim: 1)
        let mask = try mask(settings, q, keys: k.size(2), input, isCross: isCross)
        return try scores(q, keys, settings, mask).logSumExp([-1], keepDim: true)
    }

    /// [rows, heads, queries, keys] with the mask in them.
    private func scores(
        _ q: Tensor, _ k: Tensor, _ settings: AttentionSettings, _ mask: AttentionMasks.Mask
    ) throws -> Tensor {
        var scores = try q.matmul(k.transpose(-2, -1)) * settings.scale
        if let softcap = settings.softcap { scores = try (scores / softcap).tanh() * softcap }
        if let additive = mask.additive {
            scores = try scores + additive
        } else if mask.isCausal {
            let later = try Tensor.ones([try q.size(2), try k.size(2)], dtype: .bool, device: try q.device).triu(1)
            scores = try scores.maskedFill(later, try q.dtype.lowest)
        }
        return scores
    }

    /// With all probabilities in memory: what softcapping and dropout of probabilities need.
    private func plainAttention(
        _ q: Tensor, _ k: Tensor, _ v: Tensor, _ settings: AttentionSettings, _ mask: AttentionMasks.Mask,
        at site: String
    ) throws -> Tensor {
        let scores = try scores(q, k, settings, mask)
        return try dropout(scores.softmax(), settings.dropout, at: site).matmul(v)
    }
}
