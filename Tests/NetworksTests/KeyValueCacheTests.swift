import Networks
import Testing
import Torch

@Suite struct KeyValueCacheTests {
    private func random(_ shape: [Int], _ seed: Int) throws -> Tensor {
        try Tensor.normal(shape, key: RandomKey(seed: seed))
    }

    /// Nothing said about the length, too little, and enough.
    @Test(arguments: [0, 4, 40])
    func holdsWhatWasAppendedInItsOrder(positions: Int) throws {
        let cache = KeyValueCache(layers: 2, positions: positions)
        var (keys, values): ([Tensor], [Tensor]) = ([], [])
        for (step, count) in [5, 1, 1, 3, 1, 9, 1].enumerated() {
            // Heads lie between positions in what projections give, as here.
            let key = try random([3, count, 2, 4], step).transpose(1, 2)
            let value = try random([3, 2, count, 6], 100 + step)
            keys.append(key)
            values.append(value)
            for layer in 0..<2 {
                let all = try cache.append(layer: layer, keys: key, values: value)
                #expect(try all.keys.isEqual(to: Tensor.cat(keys, dim: 2)))
                #expect(try all.values.isEqual(to: Tensor.cat(values, dim: 2)))
            }
            #expect(try cache.length == Tensor.cat(keys, dim: 2).size(2))
        }
    }

    @Test func keepsTheRowsThatAreSelected() throws {
        let cache = KeyValueCache(layers: 1, positions: 8)
        let (first, second) = (try random([4, 2, 5, 3], 1), try random([2, 2, 1, 3], 2))
        _ = try cache.append(layer: 0, keys: first, values: first)
        let rows = try Tensor([Int64(3), 1])
        try cache.select(rows: rows)
        #expect(cache.length == 5)
        let all = try cache.append(layer: 0, keys: second, values: second)
        let expected = try Tensor.cat([first.indexSelect(0, rows), second], dim: 2)
        #expect(try all.keys.isEqual(to: expected) && all.values.isEqual(to: expected))
    }

    @Test func keepsTheTypeOfWhatItHolds() throws {
        let cache = KeyValueCache(layers: 1)
        let half = try random([1, 1, 2, 4], 3).to(.bfloat16)
        #expect(try cache.append(layer: 0, keys: half, values: half).keys.dtype == .bfloat16)
    }
}
