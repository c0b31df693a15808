import OrderedCollections
import Torch

/// A network with its parameters and sites by name, and the adapters grafted onto it.
public final class Model {
    /// The backbone and head.
    public let network: any Network
    /// All parameters in the order of the network; tied ones once.
    public let parameters: OrderedDictionary<String, Parameter>
    /// All projections in the order of the network.
    public let projections: OrderedDictionary<String, Projection>
    /// All norms in the order of the network.
    public let norms: OrderedDictionary<String, Norm>
    /// All sub-layers in the order of the network.
    public let sublayers: OrderedDictionary<String, Sublayer>
    /// All attentions in the order of the network.
    public let attentions: OrderedDictionary<String, AttentionSite>
    /// The bodies: one, or the two halves of an encoder-decoder.
    public let bodies: OrderedDictionary<String, Body>
    /// Adapters by name, in the order they were added.
    public private(set) var adapters: OrderedDictionary<String, GraftSet> = [:]
    /// Names of the adapters in effect, in the order they act.
    public private(set) var activeAdapters: [String] = []
    /// Names of the adapters that act side by side, each on rows of its own; empty unless `activateSideBySide` said so.
    public internal(set) var sideBySide: [String] = []
    /// Names of the adapters that `merge` folded in.
    public private(set) var mergedAdapters: [String] = []

    /// Takes a finished network and what its layers registered.
    public init(_ network: any Network, _ builder: NetworkBuilder) {
        self.network = network
        parameters = builder.parameters
        projections = builder.projections
        norms = builder.norms
        sublayers = builder.sublayers
        attentions = builder.attentions
        bodies = builder.bodies
    }

    /// All blocks by their paths, in the order of the network.
    public var blocks: OrderedDictionary<String, Block> {
        OrderedDictionary(bodies.values.flatMap(\.blocks).map { ($0.path, $0) }, uniquingKeysWith: { a, _ in a })
    }

    /// Runs the network on a batch.
    public func callAsFunction(_ input: ModelInput, _ context: ForwardContext = ForwardContext()) throws -> ModelOutput
    {
        try network(input, context)
    }

    /// Elements of all parameters of the base.
    public var parameterCount: Int {
        get throws { try parameters.values.reduce(0) { $0 + (try $1.base.count) } }
    }

    /// Every module path: each place in the network that has parameters below it.
    public var modulePaths: [String] {
        var paths: OrderedSet<String> = []
        let names = parameters.keys.map { $0 } + projections.keys.map { $0 + ".weight" }
        for name in names {
            var path = Substring(name)
            while let dot = path.lastIndex(of: ".") {
                path = path[..<dot]
                paths.append(String(path))
            }
        }
        return Array(paths)
    }
}

// MARK: Adapters

extension Model {
    /// Grafts a set onto the network under a name and puts it in effect beside those that are.
    public func add(_ grafts: GraftSet, named name: String) throws {
        guard adapters[name] == nil else {
            throw NetworkError.input("an adapter named `\(name)` is already on this model; remove it first")
        }
        try requirePlaces(of: grafts, named: name)
        adapters[name] = grafts
        try activate(activeAdapters + [name])
    }

    private func requirePlaces(of grafts: GraftSet, named name: String) throws {
        let places: [(OrderedSet<String>, OrderedSet<String>)] = [
            (grafts.projections.keys, projections.keys), (grafts.norms.keys, norms.keys),
            (grafts.sublayers.keys, sublayers.keys), (grafts.attentions.keys, attentions.keys),
            (grafts.blocks.keys, blocks.keys), (grafts.tokens.keys, bodies.keys), (grafts.sides.keys, bodies.keys),
        ]
        for (paths, known) in places {
            if let path = paths.first(where: { !known.contains($0) }) {
                throw NetworkError.input(
                    "the adapter `\(name)` has a graft for `\(path)`, which the network does not have")
            }
        }
        if let path = grafts.parameters.keys.first(where: { parameters[$0] == nil }) {
            throw NetworkError.input("the adapter `\(name)` replaces `\(path)`, which the network does not have")
        }
    }

    /// Takes an adapter off the network.
    public func remove(_ name: String) throws {
        guard adapters[name] != nil else {
            throw NetworkError.unknownAdapter(name: name, known: Array(adapters.keys))
        }
        adapters[name] = nil
        try activate(activeAdapters.filter { $0 != name })
    }

    /// Puts exactly these adapters in effect, in this order; an empty list leaves the base.
    public func activate(_ names: [String]) throws {
        let sets = try names.map { name in
            guard let set = adapters[name] else {
                throw NetworkError.unknownAdapter(name: name, known: Array(adapters.keys))
            }
            return set
        }
        let layers = sets.flatMap(\.layers)
        for (path, projection) in projections {
            projection.setGrafts(layers.compactMap { $0.projections[path] })
        }
        for (path, norm) in norms { norm.setGrafts(layers.compactMap { $0.norms[path] }) }
        for (path, sublayer) in sublayers { sublayer.setGrafts(layers.compactMap { $0.sublayers[path] }) }
        for (path, attention) in attentions { attention.setGrafts(layers.compactMap { $0.attentions[path] }) }
        for (path, body) in bodies {
            // One output can come from one side network: that of the last adapter.
            body.setGrafts(
                tokens: layers.compactMap { $0.tokens[path] }, side: layers.compactMap { $0.sides[path] }.last)
            for block in body.blocks { block.setGrafts(layers.compactMap { $0.blocks[block.path] }) }
        }
        for (name, parameter) in parameters {
            // The last adapter that brings its own copy wins.
            try parameter.replace(with: sets.compactMap { $0.parameters[name]?.value }.last)
        }
        activeAdapters = names
        sideBySide = []
    }

    /// Takes the tensors of the adapters in effect again, after some were replaced in their boxes.
    public func refresh() throws {
        try restore(activeAdapters, sideBySide)
    }

    private func restore(_ names: [String], _ lanes: [String]) throws {
        if lanes.isEmpty { try activate(names) } else { try activateSideBySide(lanes) }
    }

    /// Runs `body` with exactly these adapters, then restores what was in effect.
    public func withAdapters<Result>(_ names: [String], _ body: () throws -> Result) throws -> Result {
        let (before, lanes) = (activeAdapters, sideBySide)
        try activate(names)
        do {
            let result = try body()
            try restore(before, lanes)
            return result
        } catch {
            try restore(before, lanes)
            throw error
        }
    }

    /// Folds the adapters in effect into the weights; the grafts stop acting. `unmerge` takes it back exactly, since the
    /// base is kept. Where projections share a weight, each gets what its own grafts make of it.
    public func merge() throws {
        let names = activeAdapters
        for name in names {
            guard let sites = adapters[name]?.unmergeableSites, let first = sites.first else { continue }
            throw NetworkError.unmergeable(
                "the adapter `\(name)` acts at the \(first), which no weight can take up: use it unmerged")
        }
        let replaced = parameters.values.compactMap { parameter in parameter.replacement.map { (parameter, $0) } }
        let shared = sharedWeights
        let merged = try projections.values.filter { !$0.grafts.isEmpty }.map { projection in
            (projection, try projection.mergedTensors())
        }
        let mergedNorms = try norms.values.filter { !$0.grafts.isEmpty }.map { norm in
            (norm, try norm.mergedTensors(computedIn: norm.weight.base.dtype.forMerging))
        }
        try activate([])
        for (parameter, tensor) in replaced { try parameter.replace(with: tensor) }
        for (norm, tensors) in mergedNorms {
            try norm.weight.replace(with: tensors.weight.detach().to(norm.weight.base.dtype))
            if let bias = norm.bias, let merged = tensors.bias {
                try bias.replace(with: merged.detach().to(bias.base.dtype))
            }
        }
        for (projection, tensors) in merged {
            if shared.contains(ObjectIdentifier(projection.weight)) {
                projection.setOwnWeight(tensors.weight)
            } else {
                try projection.weight.replace(with: tensors.weight)
            }
            if let bias = tensors.bias { try projection.bias?.replace(with: bias) }
        }
        mergedAdapters = names
    }

    /// The weights that more than one projection computes with.
    private var sharedWeights: Set<ObjectIdentifier> {
        let counts = Dictionary(grouping: projections.values) { ObjectIdentifier($0.weight) }
        return Set(counts.filter { $0.value.count > 1 }.keys)
    }

    /// Takes `merge` back: the base is as it was, and the adapters act as grafts again.
    public func unmerge() throws {
        let names = mergedAdapters
        mergedAdapters = []
        try activate(names)
    }
}

extension DType {
    /// What a weight of this type is merged in: at least single precision.
    fileprivate var forMerging: DType { self == .float64 ? .float64 : .float32 }
}

extension Projection {
    /// Weight and bias with the grafts folded in, in the type of the base.
    public func mergedTensors() throws -> (weight: Tensor, bias: Tensor?) {
        let dtype = try weight.base.dtype
        let folded = try mergedTensors(computedIn: dtype.forMerging)
        return (try folded.weight.detach().to(dtype), try folded.bias?.detach().to(dtype))
    }

    /// Weight and bias with the grafts folded in, in the type they are computed in.
    ///
    /// - Throws: `NetworkError.unmergeable` where a graft needs a bias that the projection does not have, and what the
    ///   grafts throw.
    public func mergedTensors(computedIn dtype: DType) throws -> (weight: Tensor, bias: Tensor?) {
        var folded: (weight: Tensor, bias: Tensor?) = (try weight.value.to(dtype), try bias?.value.to(dtype))
        for graft in grafts {
            folded = try graft.merged(weight: folded.weight, bias: folded.bias, at: self)
        }
        guard folded.bias == nil || bias != nil else { throw NetworkError.missingBias(of: path) }
        return folded
    }
}
