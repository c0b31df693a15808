import Support

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
    /// Only the first names of a file are compared, and no name of absurd length is: a hostile file cannot make an
    /// error slow.
    static func nearest(to missing: String, in names: some Sequence<String>) -> String? {
        missing.utf8.count <= 500 ? nearestMatch(to: missing, in: names.prefix(20_000)) : nil
    }
}
