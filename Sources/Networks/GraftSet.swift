import OrderedCollections
import Torch

/// What an adapter puts on a network: grafts by the path of their site, and whole parameters in place of the base's.
public struct GraftSet {
    /// Grafts by the path of their projection.
    public var projections: OrderedDictionary<String, any ProjectionGraft> = [:]
    /// Grafts by the path of their norm.
    public var norms: OrderedDictionary<String, any NormGraft> = [:]
    /// Grafts by the path of their sub-layer.
    public var sublayers: OrderedDictionary<String, any SublayerGraft> = [:]
    /// Grafts by the path of their attention.
    public var attentions: OrderedDictionary<String, any AttentionGraft> = [:]
    /// Grafts by the path of their block.
    public var blocks: OrderedDictionary<String, any BlockGraft> = [:]
    /// Grafts of the embedded tokens by the path of their body.
    public var tokens: OrderedDictionary<String, any TokenGraft> = [:]
    /// Side networks by the path of their body.
    public var sides: OrderedDictionary<String, any SideNetwork> = [:]
    /// Copies by the name of the parameter they stand in for (biases that are trained, modules that are saved whole).
    public var parameters: OrderedDictionary<String, Variable> = [:]
    /// Tensors that belong to the adapter and to no single site.
    public var shared: [Variable] = []
    /// The sets that this one was joined of, whose grafts act in their order; empty for a set that was not. What a site
    /// has of several parts is in the parts alone; the dictionaries above name every site, and the first graft there.
    public var parts: [GraftSet] = []

    /// A set with the given parts.
    public init(
        projections: OrderedDictionary<String, any ProjectionGraft> = [:],
        parameters: OrderedDictionary<String, Variable> = [:]
    ) {
        self.projections = projections
        self.parameters = parameters
    }

    /// Grafts of every kind, in the order of the network within a kind.
    public var grafts: [any SiteGraft] {
        guard parts.isEmpty else { return parts.flatMap(\.grafts) }
        let kinds: [[any SiteGraft]] = [
            tokens.values.map { $0 }, blocks.values.map { $0 }, attentions.values.map { $0 },
            projections.values.map { $0 }, norms.values.map { $0 }, sublayers.values.map { $0 },
            sides.values.map { $0 },
        ]
        return kinds.flatMap { $0 }
    }

    /// The sets whose grafts act one after the other: the parts, or this one.
    var layers: [GraftSet] { parts.isEmpty ? [self] : parts.flatMap(\.layers) }

    /// Every tensor of the adapter, each once.
    public var variables: [Variable] {
        var seen: Set<ObjectIdentifier> = []
        return (shared + grafts.flatMap(\.variables) + parameters.values).filter {
            seen.insert(ObjectIdentifier($0)).inserted
        }
    }

    /// The kinds of sites whose grafts no weight can take up, in words.
    var unmergeableSites: [String] {
        let kinds: [(String, Bool)] = [
            ("token sequence", !tokens.isEmpty || !blocks.isEmpty), ("attention", !attentions.isEmpty),
            ("sub-layer", !sublayers.isEmpty), ("side network", !sides.isEmpty),
        ]
        return kinds.filter(\.1).map(\.0)
    }
}
