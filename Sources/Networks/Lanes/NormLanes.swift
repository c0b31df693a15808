import Torch

/// What the adapters side by side do at one norm.
struct NormLanes {
    /// One adapter's part.
    struct Lane {
        let grafts: [any NormGraft]
        /// The weight and bias that it trains whole.
        let weight: Tensor?
        let bias: Tensor?

        var isEmpty: Bool { grafts.isEmpty && weight == nil && bias == nil }
    }

    let lanes: [Lane]

    /// The norm's output, the rows of one lane after those of the other.
    /// - Parameter normalized: the norm of rows with a weight and a bias.
    func output(
        _ x: Tensor, at site: Norm, _ context: ForwardContext,
        normalized: (_ x: Tensor, _ weight: Tensor, _ bias: Tensor?) throws -> Tensor
    ) throws -> Tensor {
        try context.requireLanes(lanes.count, at: site.path)
        let own = try context.ofOneLane()
        let parts = try zip(lanes, Lanes.apart(x, lanes.count)).map { lane, x in
            let y = try normalized(x, lane.weight ?? site.weight.value, lane.bias ?? site.bias?.value)
            return try lane.grafts.reduce(y) { try $1.output($0, at: site, own) }
        }
        return try Tensor.cat(parts, dim: 0)
    }
}
