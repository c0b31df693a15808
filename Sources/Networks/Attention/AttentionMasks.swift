import Torch

/// Which keys a query may see.
public struct AttentionPattern: Hashable, Sendable {
    /// A query sees no later position.
    public var causal: Bool
    /// A query sees only the last `window` positions, itself among them.
    public var window: Int?

    /// Everything, everything before, or a window of it.
    public init(causal: Bool, window: Int? = nil) {
        self.causal = causal
        self.window = window
    }
}

/// The masks of a batch, made once per pattern and shared by all layers.
public struct AttentionMasks {
    /// A mask to add to the scores [rows or 1, 1, queries, keys], or none, or none but the causal order.
    public struct Mask {
        /// Added to the scores.
        public let additive: Tensor?
        /// True when the causal order is the whole mask.
        public let isCausal: Bool

        /// The mask with keys before the others that every query sees.
        func seeing(_ count: Int, queries: Int, keys: Int, _ dtype: DType, _ device: Device) throws -> Mask {
            guard additive != nil || isCausal else { return self }
            let own =
                try additive
                ?? Tensor.full([1, 1, queries, keys], dtype.lowest, dtype: dtype, device: device)
                .triu(keys - queries + 1)
            let free = try Tensor.zeros([own.size(0), 1, own.size(2), count], dtype: dtype, device: device)
            return Mask(additive: try Tensor.cat([free, own], dim: 3), isCausal: false)
        }
    }

    /// What a mask was made for, besides the batch's tensors.
    private struct Key: Hashable {
        var pattern: AttentionPattern
        var queries: Int
        var keys: Int
        var extraKeys: Int
    }

    private var made: [Key: Mask] = [:]
    /// The tensors that `made` was made from: another batch in the same context starts anew.
    private var batch: (padding: Tensor?, segments: Tensor?)

    init() {}

    /// The mask of a pattern for this batch.
    /// - Parameters:
    ///   - queries: number of query positions; they are the last of the `keys`.
    ///   - keys: number of key positions, cached ones included.
    ///   - extraKeys: keys before those that belong to no position; every query sees them.
    mutating func mask(
        _ pattern: AttentionPattern, input: ModelInput, queries: Int, keys: Int, extraKeys: Int = 0, dtype: DType,
        device: Device
    ) throws -> Mask {
        if !AttentionMasks.isSame(batch.padding, input.attentionMask)
            || !AttentionMasks.isSame(batch.segments, input.segmentIDs)
        {
            made = [:]
            batch = (input.attentionMask, input.segmentIDs)
        }
        // A window as wide as the keys is none.
        let window = pattern.window.flatMap { $0 < keys ? $0 : nil }
        let pattern = AttentionPattern(causal: pattern.causal, window: window)
        let key = Key(pattern: pattern, queries: queries, keys: keys, extraKeys: extraKeys)
        if let mask = made[key] { return mask }
        var mask = try AttentionMasks.make(
            pattern, input: input, queries: queries, keys: keys, dtype: dtype, device: device)
        if extraKeys > 0 { mask = try mask.seeing(extraKeys, queries: queries, keys: keys, dtype, device) }
        made[key] = mask
        return mask
    }

    private static func isSame(_ a: Tensor?, _ b: Tensor?) -> Bool {
        switch (a, b) {
        case (nil, nil): true
        case (let a?, let b?): a.isSame(as: b)
        default: false
        }
    }

    private static func make(
        _ pattern: AttentionPattern, input: ModelInput, queries: Int, keys: Int, dtype: DType, device: Device
    ) throws -> Mask {
        try check(input.attentionMask, "attention_mask", ranks: 2...3, keys: keys)
        try check(input.segmentIDs, "segment_ids", ranks: 2...2, keys: keys)
        var allowed: Tensor?
        func restrict(_ condition: Tensor) throws { allowed = try allowed?.and(condition) ?? condition }

        let window = pattern.window
        let padding = try relevantPadding(input.attentionMask, pattern)
        if padding == nil, window == nil, input.segmentIDs == nil {
            let trivial = !pattern.causal || queries == 1
            if trivial || queries == keys { return Mask(additive: nil, isCausal: !trivial) }
        }
        if pattern.causal || window != nil {
            let query = try Tensor.arange(Double(keys - queries), to: Double(keys), device: device).reshape([
                1, queries, 1,
            ])
            let key = try Tensor.arange(to: Double(keys), device: device).reshape([1, 1, keys])
            if pattern.causal { try restrict(key.le(query)) }
            if let window {
                try restrict(key.gt(query - Double(window)))
                if !pattern.causal { try restrict(key.lt(query + Double(window))) }
            }
        }
        if let segments = input.segmentIDs {
            let own = try segments.narrow(1, keys - queries, queries)
            try restrict(own.unsqueeze(2).eq(segments.unsqueeze(1)))
        }
        if let padding { try restrict(padding.rank == 2 ? padding.ne(0).unsqueeze(1) : padding.ne(0)) }
        guard let allowed else { return Mask(additive: nil, isCausal: false) }
        // A large number instead of infinity: a padded query that sees nothing then averages, instead of giving NaN that
        // would spread through the gradients of the other rows.
        let zero = try Tensor.zeros([], dtype: dtype, device: device)
        let low = try Tensor.full([], dtype.lowest, dtype: dtype, device: device)
        return Mask(additive: try Tensor.where(allowed, zero, low).unsqueeze(1), isCausal: false)
    }

    /// A mask of another length would be repeated over all keys, or fail with a message about shapes inside.
    private static func check(_ tensor: Tensor?, _ name: String, ranks: ClosedRange<Int>, keys: Int) throws {
        guard let shape = try tensor?.shape, !ranks.contains(shape.count) || shape.last != keys else { return }
        throw NetworkError.input("\(name) has the shape \(shape), but there are \(keys) positions to attend to")
    }

    /// The padding mask, unless it changes nothing: no padding at all, or padding at the right end under a causal order,
    /// where no token sees it.
    private static func relevantPadding(_ mask: Tensor?, _ pattern: AttentionPattern) throws -> Tensor? {
        guard let mask else { return nil }
        let tokens = try mask.ne(0)
        if try tokens.all() { return nil }
        guard pattern.causal, try mask.rank == 2 else { return mask }
        let length = try mask.size(1)
        let numbers = try tokens.to(.int64)
        let risesNowhere = try numbers.narrow(1, 1, length - 1).le(numbers.narrow(1, 0, length - 1)).all()
        return risesNowhere ? nil : mask
    }
}

extension DType {
    /// The most negative finite value.
    var lowest: Double {
        switch self {
        case .float16: -65504
        case .bfloat16: -3.3895313892515355e38
        case .float64: -Double.greatestFiniteMagnitude
        default: -Double(Float.greatestFiniteMagnitude)
        }
    }
}
