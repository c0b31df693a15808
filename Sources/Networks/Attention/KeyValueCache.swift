import Torch

/// The keys and values of the positions that a generation has already seen, a pair per layer.
public final class KeyValueCache {
    private var layers: [(keys: Tensor, values: Tensor)?]

    /// An empty cache.
    public init(layers: Int) {
        self.layers = Array(repeating: nil, count: layers)
    }

    /// Number of positions seen.
    public private(set) var length = 0

    /// Appends the new positions of a layer and returns all of them, [rows, key heads, positions, head].
    public func append(layer: Int, keys: Tensor, values: Tensor) throws -> (keys: Tensor, values: Tensor) {
        var all = (keys: keys, values: values)
        if let earlier = layers[layer] {
            all = (try Tensor.cat([earlier.keys, keys], dim: 2), try Tensor.cat([earlier.values, values], dim: 2))
        }
        layers[layer] = all
        if layer == layers.count - 1 { length = try all.keys.size(2) }
        return all
    }

    /// Keeps only the given rows, for batches whose members finish at different times.
    public func select(rows: Tensor) throws {
        layers = try layers.map { layer in
            try layer.map { (try $0.keys.indexSelect(0, rows), try $0.values.indexSelect(0, rows)) }
        }
    }
}
