/// A set of Unicode scalars as sorted ranges that neither touch nor overlap.
struct ScalarSet: Sendable, Equatable {
    private(set) var ranges: [ClosedRange<UInt32>]

    static let all = ScalarSet([0...0x10FFFF])
    static let empty = ScalarSet([])

    init(_ ranges: [ClosedRange<UInt32>]) {
        let sorted = ranges.sorted { $0.lowerBound < $1.lowerBound }
        var joined: [ClosedRange<UInt32>] = []
        joined.reserveCapacity(sorted.count)
        for range in sorted {
            if let last = joined.last, range.lowerBound <= last.upperBound + 1 {
                joined[joined.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                joined.append(range)
            }
        }
        self.ranges = joined
    }

    init(_ scalar: UInt32) { ranges = [scalar...scalar] }

    func union(_ other: ScalarSet) -> ScalarSet { ScalarSet(ranges + other.ranges) }

    var inverted: ScalarSet {
        var gaps: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in ranges {
            if range.lowerBound > next { gaps.append(next...(range.lowerBound - 1)) }
            next = range.upperBound + 1
        }
        if next <= 0x10FFFF { gaps.append(next...0x10FFFF) }
        return ScalarSet(gaps)
    }

    func intersection(_ other: ScalarSet) -> ScalarSet { inverted.union(other.inverted).inverted }

    func contains(_ scalar: UInt32) -> Bool {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < scalar { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].contains(scalar)
    }
}

/// A set laid out for fast questions: a bit per scalar, in shared blocks of 256.
struct ScalarBitmap: Sendable {
    private var blockOf: [UInt16]
    private var words: [UInt64]
    /// The bits of the first 128 scalars, apart because most text asks only for them.
    private var low: UInt64
    private var high: UInt64

    init(_ set: ScalarSet) {
        // Block 0 is empty, block 1 is full.
        blockOf = [UInt16](repeating: 0, count: 0x1100)
        words = [UInt64](repeating: 0, count: 4) + [UInt64](repeating: .max, count: 4)
        low = 0
        high = 0
        for range in set.ranges { insert(range) }
        let first = Int(blockOf[0]) * 4
        low = words[first]
        high = words[first + 1]
    }

    private mutating func insert(_ range: ClosedRange<UInt32>) {
        var scalar = range.lowerBound
        while scalar <= range.upperBound {
            let block = Int(scalar >> 8)
            let last = min(range.upperBound, scalar | 0xFF)
            if scalar & 0xFF == 0, last & 0xFF == 0xFF {
                blockOf[block] = 1
            } else {
                if blockOf[block] == 0 {
                    blockOf[block] = UInt16(words.count / 4)
                    words.append(contentsOf: [0, 0, 0, 0])
                }
                let base = Int(blockOf[block]) * 4
                for bit in Int(scalar & 0xFF)...Int(last & 0xFF) { words[base + (bit >> 6)] |= 1 << UInt64(bit & 63) }
            }
            scalar = last + 1
        }
    }

    @inline(__always)
    func contains(_ scalar: UInt32) -> Bool {
        if scalar < 64 { return low >> UInt64(scalar) & 1 != 0 }
        if scalar < 128 { return high >> UInt64(scalar & 63) & 1 != 0 }
        let word = words[Int(blockOf[Int(scalar >> 8)]) * 4 + Int(scalar >> 6 & 3)]
        return word >> UInt64(scalar & 63) & 1 != 0
    }
}
