/// The merges of a BPE model: from a pair of tokens to its rank and what it becomes.
struct MergeTable: Sendable {
    private struct Slot: Sendable {
        var pair: UInt64 = .max
        var rank: UInt32 = 0
        var merged: UInt32 = 0
    }

    private var slots = [Slot](repeating: Slot(), count: 64)
    private(set) var count = 0

    private static func key(_ left: UInt32, _ right: UInt32) -> UInt64 { UInt64(left) << 32 | UInt64(right) }

    @inline(__always)
    private static func hash(_ key: UInt64) -> Int {
        Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15).byteSwapped &* 0xA076_1D64_78BD_642F >> 20)
    }

    /// Adds a merge; a pair that is there already takes the later rank.
    mutating func insert(_ left: UInt32, _ right: UInt32, rank: Int, merged: UInt32) {
        if count * 2 >= slots.count { grow() }
        place(Slot(pair: Self.key(left, right), rank: UInt32(truncatingIfNeeded: rank), merged: merged))
    }

    private mutating func place(_ slot: Slot) {
        let mask = slots.count - 1
        var at = Self.hash(slot.pair) & mask
        while slots[at].pair != .max, slots[at].pair != slot.pair { at = (at + 1) & mask }
        if slots[at].pair == .max { count += 1 }
        slots[at] = slot
    }

    private mutating func grow() {
        let old = slots
        slots = [Slot](repeating: Slot(), count: old.count * 4)
        count = 0
        for slot in old where slot.pair != .max { place(slot) }
    }

    /// The rank of a pair and what it becomes.
    @inline(__always)
    func find(_ left: UInt32, _ right: UInt32) -> (rank: UInt32, merged: UInt32)? {
        let key = Self.key(left, right)
        let mask = slots.count - 1
        var at = Self.hash(key) & mask
        while true {
            let slot = slots[at]
            if slot.pair == key { return (slot.rank, slot.merged) }
            if slot.pair == .max { return nil }
            at = (at + 1) & mask
        }
    }
}
