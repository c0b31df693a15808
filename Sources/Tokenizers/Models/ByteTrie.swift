/// The keys of a vocabulary as a tree of bytes, to find all keys that a text begins with.
struct ByteTrie: Sendable {
    private struct Node: Sendable {
        var firstChild: Int32 = 0
        var childCount: Int16 = 0
        var label: UInt8 = 0
        /// The value of the key that ends here, or -1.
        var value: Int32 = -1
    }

    private var nodes: [Node] = [Node()]
    /// The children of the root by byte, or -1.
    private var roots = [Int32](repeating: -1, count: 256)

    /// - Parameter keys: of equal keys, the last counts; empty ones are left out.
    init(_ keys: [(bytes: [UInt8], value: Int)]) {
        let order = keys.indices.filter { !keys[$0].bytes.isEmpty }.sorted { left, right in
            if keys[left].bytes == keys[right].bytes { return left < right }
            return keys[left].bytes.lexicographicallyPrecedes(keys[right].bytes)
        }
        // Level by level, so that the children of a node lie side by side.
        var level: [(node: Int, keys: Range<Int>)] = [(0, 0..<order.count)]
        var depth = 0
        while !level.isEmpty {
            var deeper: [(node: Int, keys: Range<Int>)] = []
            for (node, range) in level {
                var start = range.lowerBound
                while start < range.upperBound, keys[order[start]].bytes.count == depth {
                    nodes[node].value = Int32(truncatingIfNeeded: keys[order[start]].value)
                    start += 1
                }
                nodes[node].firstChild = Int32(truncatingIfNeeded: nodes.count)
                while start < range.upperBound {
                    let label = keys[order[start]].bytes[depth]
                    var stop = start + 1
                    while stop < range.upperBound, keys[order[stop]].bytes[depth] == label { stop += 1 }
                    deeper.append((nodes.count, start..<stop))
                    nodes.append(Node(label: label))
                    nodes[node].childCount += 1
                    start = stop
                }
            }
            level = deeper
            depth += 1
        }
        let root = nodes[0]
        for child in Int(root.firstChild)..<Int(root.firstChild) + Int(root.childCount) {
            roots[Int(nodes[child].label)] = Int32(truncatingIfNeeded: child)
        }
    }

    /// Whether any key begins with a byte.
    @inline(__always)
    func canBegin(with byte: UInt8) -> Bool { roots[Int(byte)] >= 0 }

    /// Calls `body` with the end and the value of each key that begins at `start`, shortest first.
    @inline(__always)
    func forEachKey(
        in bytes: UnsafeBufferPointer<UInt8>, from start: Int, to end: Int, _ body: (_ end: Int, _ value: Int) -> Void
    ) {
        guard start < end else { return }
        var node = Int(roots[Int(bytes[start])])
        var position = start
        nodes.withUnsafeBufferPointer { nodes in
            while node >= 0 {
                position += 1
                let value = nodes[node].value
                if value >= 0 { body(position, Int(value)) }
                guard position < end else { return }
                node = Self.child(nodes, node, bytes[position])
            }
        }
    }

    /// The longest key that begins at `start`.
    @inline(__always)
    func longestKey(
        in bytes: UnsafeBufferPointer<UInt8>, from start: Int, to end: Int
    ) -> (end: Int, value: Int)? {
        var longest: (end: Int, value: Int)?
        forEachKey(in: bytes, from: start, to: end) { longest = ($0, $1) }
        return longest
    }

    @inline(__always)
    private static func child(_ nodes: UnsafeBufferPointer<Node>, _ node: Int, _ label: UInt8) -> Int {
        let first = Int(nodes[node].firstChild)
        var low = first
        var high = first + Int(nodes[node].childCount)
        while low < high {
            let middle = (low + high) / 2
            if nodes[middle].label < label { low = middle + 1 } else { high = middle }
        }
        return low < first + Int(nodes[node].childCount) && nodes[low].label == label ? low : -1
    }
}
