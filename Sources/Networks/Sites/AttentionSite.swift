import Torch

/// The inside of one attention: where a method may add keys and values that every query sees.
public final class AttentionSite {
    /// The path of the attention's module.
    public let path: String
    /// Which attention of its body it is, counted from 0 in the order of the network, cross attention apart.
    public let index: Int
    /// Heads of queries.
    public let heads: Int
    /// Heads of keys and values.
    public let keyHeads: Int
    /// Channels of a head.
    public let headSize: Int
    /// True where keys and values come from another sequence than the queries.
    public let isCross: Bool
    /// Channels of the residual around it.
    public let size: Int
    /// What makes the queries out of the attention's input, with nothing behind it but the split into heads; nil where
    /// rotations or norms follow.
    public let query: ProjectionSlice?
    /// Grafts in effect, in the order of their adapters.
    public private(set) var grafts: [any AttentionGraft] = []

    /// - Parameter scope: the attention's own place.
    public init(
        _ scope: Scope, index: Int, size: Int, heads: Int, keyHeads: Int, headSize: Int, isCross: Bool = false,
        query: ProjectionSlice? = nil
    ) {
        path = scope.path
        self.index = index
        self.size = size
        self.heads = heads
        self.keyHeads = keyHeads
        self.headSize = headSize
        self.isCross = isCross
        self.query = query
        scope.builder.register(self)
    }

    /// Sets the grafts in effect; an empty list leaves the base alone.
    func setGrafts(_ grafts: [any AttentionGraft]) {
        self.grafts = grafts
    }

    /// Keys and values that stand before the sequence's own, [1 or rows, key heads, count, head]; nil without any.
    func extraRows(_ context: ForwardContext) throws -> (keys: Tensor, values: Tensor)? {
        let extra = try grafts.compactMap { try $0.extraKeysAndValues(at: self, context) }
        guard let first = extra.first else { return nil }
        return try extra.dropFirst().reduce(first) {
            (try Tensor.cat([$0.keys, $1.keys], dim: 2), try Tensor.cat([$0.values, $1.values], dim: 2))
        }
    }
}

/// One pass through an attention, as grafts of its heads see it.
public struct AttentionPass {
    /// What the queries were made of, [rows, queries, size]; nil where the site has no `query`.
    public let input: Tensor?
    /// [rows, heads, queries, head], without the factor of the scores.
    public let queries: Tensor
    /// Factor of the scores.
    public let scale: Double
    /// [rows, heads, queries, 1]: log Σ exp of the scores that each query gives to the keys it sees, extra ones aside.
    public let logSum: () throws -> Tensor
}

/// What a method puts inside an attention.
public protocol AttentionGraft: SiteGraft {
    /// Keys and values that stand before the sequence's own and that every query sees, without a rotation of their
    /// own: [1 or rows, key heads, count, head]; nil for none, which is the default.
    func extraKeysAndValues(at site: AttentionSite, _ context: ForwardContext) throws -> (keys: Tensor, values: Tensor)?

    /// What goes into the output projection in the place of `heads` [rows, queries, heads · head]; by default `heads`.
    func heads(_ heads: Tensor, _ pass: AttentionPass, at site: AttentionSite, _ context: ForwardContext) throws
        -> Tensor
}

extension AttentionGraft {
    /// None.
    public func extraKeysAndValues(
        at site: AttentionSite, _ context: ForwardContext
    ) throws -> (keys: Tensor, values: Tensor)? { nil }

    /// The heads themselves.
    public func heads(
        _ heads: Tensor, _ pass: AttentionPass, at site: AttentionSite, _ context: ForwardContext
    ) throws -> Tensor { heads }
}
