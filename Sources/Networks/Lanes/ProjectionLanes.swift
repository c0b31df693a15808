import Torch

/// What the adapters side by side do at one projection: their grafts, and weights and biases of their own.
struct ProjectionLanes {
    /// One adapter's part.
    struct Lane {
        /// Its grafts, in their order.
        let grafts: [any ProjectionGraft]
        /// The weight and bias that it trains whole.
        let weight: Tensor?
        let bias: Tensor?

        var isEmpty: Bool { grafts.isEmpty && weight == nil && bias == nil }

        /// Whether its base is another linear map than that of the network.
        fileprivate var hasOwnBase: Bool {
            weight != nil || bias != nil || grafts.contains { $0.residual != nil || $0.changesWeight }
        }
    }

    let lanes: [Lane]

    /// The projection's output, the rows of one lane after those of the other: one product with the frozen weight for
    /// all lanes that have no other, then what each adds to its rows.
    func output(_ x: Tensor, at site: Projection, _ context: ForwardContext) throws -> Tensor {
        try context.requireLanes(lanes.count, at: site.path)
        let own = try context.ofOneLane()
        let parts = try Lanes.apart(x, lanes.count)
        // A graft wraps those before it: the last one sees the input first.
        let inputs = try zip(lanes, parts).map { lane, x in
            var inputs: [Tensor] = []
            for graft in lane.grafts.reversed() { inputs.append(try graft.input(inputs.last ?? x, at: site, own)) }
            return inputs
        }
        let bases = try bases(x, parts, inputs, at: site, own)
        let outputs = try lanes.indices.map { index in
            var output = bases[index]
            for (graft, input) in zip(lanes[index].grafts, inputs[index].reversed()) {
                output = try graft.adding(to: output, base: bases[index], x: input, at: site, own)
            }
            return output
        }
        return try Tensor.cat(outputs, dim: 0)
    }

    /// The base's output for each lane.
    private func bases(
        _ x: Tensor, _ parts: [Tensor], _ inputs: [[Tensor]], at site: Projection, _ context: ForwardContext
    ) throws -> [Tensor] {
        let shared = lanes.indices.filter { !lanes[$0].hasOwnBase }
        let changed = lanes.indices.contains { index in
            inputs[index].last.map { !$0.isSame(as: parts[index]) } ?? false
        }
        var joint: [Int: Tensor] = [:]
        if !shared.isEmpty {
            // Untouched rows need not be put together again.
            let rows =
                shared.count == lanes.count && !changed
                ? x : try Tensor.cat(shared.map { inputs[$0].last ?? parts[$0] }, dim: 0)
            let product = try site.apply(site.plainWeight, site.bias?.value, to: rows)
            for (place, index) in shared.enumerated() {
                joint[index] = try Lanes.slice(product, place, of: shared.count)
            }
        }
        return try lanes.indices.map { index in
            if let base = joint[index] { return base }
            let lane = lanes[index]
            let frozen = try site.frozenWeight(lane.weight ?? site.weight.value, lane.grafts)
            let weight = try lane.grafts.reduce(frozen) { try $1.weight($0, at: site, context) }
            return try site.apply(weight, lane.bias ?? site.bias?.value, to: inputs[index].last ?? parts[index])
        }
    }
}
