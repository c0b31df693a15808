/// A tensor's name as a key: equal when the bytes are.
///
/// Swift's `String` takes canonically equivalent texts for equal, but files tell them apart.
struct TensorName: Hashable, Sendable {
    let text: String

    init(_ text: String) { self.text = text }

    static func == (left: Self, right: Self) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

    func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}

extension TensorName: Comparable {
    /// The order of the bytes, which is the order of the code points.
    static func < (left: Self, right: Self) -> Bool { left.text.utf8.lexicographicallyPrecedes(right.text.utf8) }
}

extension TensorName {
    /// The name most like a missing one, or nil where none is near.
    ///
    /// - Complexity: O(length²) for each name that differs little in length; only the first names and bytes count, so
    ///   that a hostile file cannot make an error slow.
    static func nearest(to missing: String, in names: some Sequence<String>) -> String? {
        let wanted = Array(missing.utf8.prefix(200))
        var best: String?
        var allowed = max(1, wanted.count * 2 / 5)
        for name in names.prefix(20_000) {
            let other = Array(name.utf8.prefix(200))
            guard abs(other.count - wanted.count) <= allowed else { continue }
            let distance = editDistance(wanted, other)
            if distance <= allowed {
                best = name
                if distance == 0 { break }
                allowed = distance - 1
            }
        }
        return best
    }

    /// The least number of insertions, deletions and substitutions that turn one text into the other.
    private static func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        // Names of one model differ in few places: what both begin and end with needs no table.
        let prefix = zip(left, right).prefix { $0 == $1 }.count
        let suffix = zip(left.dropFirst(prefix).reversed(), right.dropFirst(prefix).reversed()).prefix { $0 == $1 }
            .count
        let left = left[prefix..<(left.count - suffix)]
        let right = Array(right[prefix..<(right.count - suffix)])
        var row = Array(0...right.count)
        for (i, byte) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, other) in right.enumerated() {
                let substituted = diagonal + (byte == other ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(substituted, diagonal + 1, row[j] + 1)
            }
        }
        return row[right.count]
    }
}
