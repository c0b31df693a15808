import Torch

/// The keys and values of the positions that a generation has already seen, a pair per layer.
///
/// They lie in buffers with room for positions to come, so that a step writes what is new and copies nothing. What
/// `append` returns are views of the buffers: of use until the next `select`, and not for gradients.
public final class KeyValueCache {
    private var layers: [(keys: PositionBuffer, values: PositionBuffer)?]
    private let expected: Int
    /// The rows that `append` is called for; nil for all.
    private var part: BatchPart?

    /// An empty cache.
    /// - Parameter positions: how many it will hold, where that is known.
    public init(layers: Int, positions: Int = 0) {
        self.layers = Array(repeating: nil, count: layers)
        expected = positions
    }

    /// Number of positions seen.
    public private(set) var length = 0

    /// Appends the new positions of a layer and returns all of them, [rows, key heads, positions, head].
    public func append(layer: Int, keys: Tensor, values: Tensor) throws -> (keys: Tensor, values: Tensor) {
        var buffers = layers[layer] ?? (PositionBuffer(expected: expected), PositionBuffer(expected: expected))
        let all = (
            keys: try buffers.keys.append(keys, of: part), values: try buffers.values.append(values, of: part)
        )
        layers[layer] = buffers
        if layer == layers.count - 1 { length = buffers.keys.length }
        return all
    }

    /// Runs a forward of a part of the rows. The parts of a batch follow one another, each with as many new positions;
    /// to all of them these are new, and the cache counts them once the last part has them.
    public func appending<Result>(_ part: BatchPart, _ forward: () throws -> Result) rethrows -> Result {
        self.part = part
        defer { self.part = nil }
        return try forward()
    }

    /// Keeps only the given rows, for batches whose members finish at different times.
    public func select(rows: Tensor) throws {
        // Layer by layer, so that the old rows of one are gone before the next one's are copied.
        for (index, layer) in layers.enumerated() {
            layers[index] = try layer.map { (try $0.keys.selecting(rows: rows), try $0.values.selecting(rows: rows)) }
        }
    }
}

/// Positions along dimension 2 of a tensor that has room for more.
private struct PositionBuffer {
    private var storage: Tensor?
    private var capacity = 0
    private(set) var length = 0
    private let expected: Int

    /// Room that is reserved beyond what is needed, at most: a text may end long before its limit.
    private static let largestReserve = 1024

    init(expected: Int) {
        self.expected = expected
    }

    /// - Parameter part: the rows that `new` is of; nil for all.
    mutating func append(_ new: Tensor, of part: BatchPart?) throws -> Tensor {
        let end = length + (try new.size(2))
        let part = try part ?? BatchPart(rows: 0..<new.size(0), count: new.size(0))
        let rows = try room(for: end, rows: part.count, like: new).narrow(0, part.rows.lowerBound, part.rows.count)
        try rows.narrow(2, length, end - length).copyInPlace(new)
        if part.isLast { length = end }
        return try rows.narrow(2, 0, end)
    }

    /// The storage with room for `needed` positions: half as many again where that is not known to be too many.
    private mutating func room(for needed: Int, rows: Int, like new: Tensor) throws -> Tensor {
        if let storage, needed <= capacity { return storage }
        let reserve = length == 0 ? PositionBuffer.largestReserve : needed / 2
        capacity = needed < expected ? min(expected, needed + reserve) : needed + (length == 0 ? 0 : reserve)
        let larger = try PositionBuffer.empty(new, rows: rows, capacity)
        if let storage, length > 0 { try larger.narrow(2, 0, length).copyInPlace(storage.narrow(2, 0, length)) }
        storage = larger
        return larger
    }

    private static func empty(_ like: Tensor, rows: Int, _ capacity: Int) throws -> Tensor {
        try Tensor.empty(
            [rows, like.size(1), capacity, like.size(3)], dtype: like.dtype, device: like.device)
    }

    func selecting(rows: Tensor) throws -> PositionBuffer {
        guard let storage else { return self }
        var selected = self
        let kept = try PositionBuffer.empty(storage, rows: rows.count, capacity)
        try kept.narrow(2, 0, length).copyInPlace(storage.narrow(2, 0, length).indexSelect(0, rows))
        selected.storage = kept
        return selected
    }
}
