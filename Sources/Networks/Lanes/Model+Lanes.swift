import Torch

extension Model {
    /// Puts adapters in effect side by side: each on its own lane, in the order of the names. A forward then needs a
    /// `ForwardContext` of as many lanes, and an input repeated so often. `activate` ends it.
    /// - Throws: `NetworkError` for an adapter that `requireLanes` refuses.
    public func activateSideBySide(_ names: [String]) throws {
        let sets = try names.map { name in
            guard let set = adapters[name] else {
                throw NetworkError.unknownAdapter(name: name, known: Array(adapters.keys))
            }
            try requireLanes(of: set, named: name)
            return set
        }
        try activate([])
        for (path, projection) in projections {
            projection.setLanes(
                sets.map { set in
                    ProjectionLanes.Lane(
                        grafts: Projection.inOrder(set.layers.compactMap { $0.projections[path] }),
                        weight: set.parameters[projection.weight.name]?.value,
                        bias: projection.bias.flatMap { set.parameters[$0.name]?.value })
                })
        }
        for (path, norm) in norms {
            norm.setLanes(
                sets.map { set in
                    NormLanes.Lane(
                        grafts: set.layers.compactMap { $0.norms[path] },
                        weight: set.parameters[norm.weight.name]?.value,
                        bias: norm.bias.flatMap { set.parameters[$0.name]?.value })
                })
        }
        for (path, sublayer) in sublayers {
            sublayer.setLanes(sets.map { set in set.layers.compactMap { $0.sublayers[path] } })
        }
        let lowest = lowestLanes(sets)
        for body in bodies.values { body.lanesBegin = bodies.count == 1 ? lowest : 0 }
        sideBySide = names
    }

    /// Refuses an adapter that cannot have rows of its own in a shared forward.
    /// - Throws: `NetworkError.unsupported`, in words that follow the adapter's name.
    public func requireLanes(of set: GraftSet, named name: String) throws {
        let kinds: [(String, Bool)] = [
            // Prefixes move the positions of the tokens as well.
            ("the inside of attentions", !set.attentions.isEmpty), ("the token sequence", !set.tokens.isEmpty),
            ("the rows between blocks", !set.blocks.isEmpty), ("the network's output", !set.sides.isEmpty),
        ]
        if let kind = kinds.first(where: \.1)?.0 {
            throw NetworkError.unsupported(
                "the adapter `\(name)` changes \(kind), which others then share: train it alone")
        }
        let tables = projections.filter { path, projection in
            guard case .embedding = projection.kind else { return false }
            let isGrafted = set.layers.contains { $0.projections[path] != nil }
            return isGrafted || set.parameters[projection.weight.name] != nil
        }
        if let path = tables.keys.first {
            throw NetworkError.unsupported(
                "the adapter `\(name)` changes the embedding \(path), whose rows are not those of a batch: train it alone"
            )
        }
        let places = Set(
            projections.values.flatMap { [$0.weight.name] + ($0.bias.map { [$0.name] } ?? []) }
                + norms.values.flatMap { [$0.weight.name] + ($0.bias.map { [$0.name] } ?? []) })
        if let parameter = set.parameters.keys.first(where: { !places.contains($0) }) {
            throw NetworkError.unsupported(
                "the adapter `\(name)` trains `\(parameter)` whole, which no layer has for itself: train it alone")
        }
    }

    /// The first projection behind the blocks that a set changes, such as the head; nil for none.
    public func projectionBehindBlocks(of set: GraftSet) -> String? {
        let blocks = bodies.values.flatMap(\.blocks)
        let order = Array(projections.values)
        let last = order.lastIndex { site in blocks.contains { site.path.hasPrefix($0.path + ".") } } ?? -1
        return order[(last + 1)...].first { site in
            set.layers.contains { $0.projections[site.path] != nil } || set.parameters[site.weight.name] != nil
                || site.bias.map { set.parameters[$0.name] != nil } ?? false
        }?.path
    }

    /// The first block that any of the adapters changes; 0 where one changes what comes before the blocks.
    private func lowestLanes(_ sets: [GraftSet]) -> Int {
        let blocks = bodies.values.flatMap(\.blocks)
        func block(of path: String) -> Int? {
            blocks.first { path == $0.path || path.hasPrefix($0.path + ".") }?.index
        }
        let sites: [(path: String, isLane: Bool)] =
            projections.map { ($0, $1.lanes != nil) } + norms.map { ($0, $1.lanes != nil) }
            + sublayers.map { ($0, $1.hasLanes) }
        let changed = sites.filter(\.isLane).map(\.path)
        let inBlocks = changed.compactMap(block)
        // What is in no block stands before the blocks, or behind them as heads do.
        let order = Array(projections.keys)
        let first = order.firstIndex { block(of: $0) != nil } ?? order.count
        let isBelow = order[..<first].contains { projections[$0]?.lanes != nil }
        let isNormBelow = changed.contains { path in
            norms[path] != nil && block(of: path) == nil && !isBehind(path, blocks: blocks)
        }
        return isBelow || isNormBelow ? 0 : inBlocks.min() ?? blocks.count
    }

    /// Whether a norm outside of the blocks is registered after them.
    private func isBehind(_ path: String, blocks: [Block]) -> Bool {
        let order = Array(norms.keys)
        guard let place = order.firstIndex(of: path) else { return true }
        return order[..<place].contains { other in blocks.contains { other.hasPrefix($0.path + ".") } }
    }
}
