/// A word while its symbols are merged.
struct MergeWord {
    private struct Symbol {
        var entry: UInt32
        /// Length in bytes; 0 once it is merged into the one before.
        var length: Int
        var previous: Int
        var next: Int
    }

    private struct Candidate {
        var rank: UInt32
        var position: Int
        var merged: UInt32

        static func < (left: Candidate, right: Candidate) -> Bool {
            left.rank != right.rank ? left.rank < right.rank : left.position < right.position
        }
    }

    private var items: [Symbol] = []
    private var heap: [Candidate] = []

    mutating func removeAll() {
        items.removeAll(keepingCapacity: true)
        heap.removeAll(keepingCapacity: true)
    }

    mutating func append(_ entry: Int, length: Int) {
        let count = items.count
        if count > 0 { items[count - 1].next = count }
        items.append(
            Symbol(entry: UInt32(truncatingIfNeeded: entry), length: length, previous: count - 1, next: -1))
    }

    /// What is left, in order.
    var symbols: some Sequence<(entry: Int, length: Int)> {
        items.lazy.filter { $0.length != 0 }.map { (Int($0.entry), $0.length) }
    }

    /// Applies merges until none fits: the lowest rank first, of equal ranks the leftmost.
    mutating func merge(_ merges: MergeTable) {
        guard items.count > 1 else { return }
        for position in 0..<(items.count - 1) { propose(position, position + 1, merges) }
        while let top = pop() {
            let left = items[top.position]
            guard left.length != 0, left.next >= 0 else { continue }
            let right = items[left.next]
            // The pair may have changed since it was proposed.
            guard let found = merges.find(left.entry, right.entry), found.merged == top.merged else { continue }
            items[left.next].length = 0
            items[top.position].entry = top.merged
            items[top.position].length += right.length
            items[top.position].next = right.next
            if right.next >= 0 { items[right.next].previous = top.position }
            if left.previous >= 0 { propose(left.previous, top.position, merges) }
            if right.next >= 0 { propose(top.position, right.next, merges) }
        }
    }

    @inline(__always)
    private mutating func propose(_ left: Int, _ right: Int, _ merges: MergeTable) {
        guard let found = merges.find(items[left].entry, items[right].entry) else { return }
        push(Candidate(rank: found.rank, position: left, merged: found.merged))
    }

    private mutating func push(_ candidate: Candidate) {
        heap.append(candidate)
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child] < heap[parent] else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    private mutating func pop() -> Candidate? {
        guard let top = heap.first, let last = heap.popLast() else { return nil }
        if heap.isEmpty { return top }
        heap[0] = last
        var parent = 0
        while true {
            var least = parent * 2 + 1
            if least >= heap.count { return top }
            if least + 1 < heap.count, heap[least + 1] < heap[least] { least += 1 }
            guard heap[least] < heap[parent] else { return top }
            heap.swapAt(least, parent)
            parent = least
        }
    }
}
