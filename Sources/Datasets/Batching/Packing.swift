/// Puts examples together into rows of bounded length.
enum Packing {
    /// First fit decreasing: each example, longest first, goes into the first row that has room.
    ///
    /// At most 11/9 of the least possible number of rows, plus 6/9 (Dósa 2007).
    ///
    /// - Parameter order: example indices; they are taken longest first, equally long ones as they come.
    /// - Complexity: O(n log n), by a tree over the room of rows.
    static func rows(of order: [Int], lengths: [Int], rowLength: Int) -> [[Int]] {
        let descending = order.enumerated().sorted { left, right in
            let (a, b) = (lengths[left.element], lengths[right.element])
            return a != b ? a > b : left.offset < right.offset
        }
        var room = RoomTree(rows: order.count, room: rowLength)
        var rows: [[Int]] = []
        for (_, example) in descending {
            let row = room.firstRow(with: lengths[example])
            if row == rows.count { rows.append([]) }
            rows[row].append(example)
            room.take(lengths[example], from: row)
        }
        return rows
    }
}

/// The room left in each row, as a binary tree whose nodes hold the largest room below them.
private struct RoomTree {
    private var nodes: [Int]
    private let leaves: Int

    init(rows: Int, room: Int) {
        var leaves = 1
        while leaves < rows { leaves *= 2 }
        self.leaves = leaves
        nodes = [Int](repeating: room, count: 2 * leaves)
    }

    /// The first row with at least the given room; untouched rows follow the used ones, so there always is one.
    func firstRow(with room: Int) -> Int {
        var node = 1
        while node < leaves {
            node *= 2
            if nodes[node] < room { node += 1 }
        }
        return node - leaves
    }

    mutating func take(_ room: Int, from row: Int) {
        var node = leaves + row
        nodes[node] -= room
        while node > 1 {
            node /= 2
            nodes[node] = max(nodes[2 * node], nodes[2 * node + 1])
        }
    }
}
