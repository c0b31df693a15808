/// From bytes of the original text to Unicode scalars.
struct OffsetMap {
    /// The number of the scalar that each byte belongs to; empty for ASCII, where both are the same.
    private let scalarOfByte: [UInt32]
    private let count: Int

    init(_ original: UnsafeBufferPointer<UInt8>) {
        count = original.count
        guard original.contains(where: { $0 >= 0x80 }) else {
            scalarOfByte = []
            return
        }
        var numbers: [UInt32] = []
        numbers.reserveCapacity(original.count)
        var next: UInt32 = 0
        for byte in original {
            if byte & 0xC0 != 0x80 { next += 1 }
            numbers.append(next - 1)
        }
        scalarOfByte = numbers
    }

    /// Where a token lies in the original.
    ///
    /// A token that reaches beyond its piece, as with byte fallback of a word's suffix, keeps its own numbers: the
    /// reference does so.
    @inline(__always)
    func range(of token: ModelToken, in piece: PreTokenized.Piece, _ text: AlignedText) -> Range<Int> {
        let start: Int
        let end: Int
        if token.end > piece.range.count {
            (start, end) = (token.start, token.end)
        } else {
            start = Int(text.stretches[piece.range.lowerBound + token.start].start)
            end = Int(text.stretches[piece.range.lowerBound + token.end - 1].end)
        }
        return scalars(start, end)
    }

    @inline(__always)
    private func scalars(_ start: Int, _ end: Int) -> Range<Int> {
        guard !scalarOfByte.isEmpty, start < count else { return start..<max(start, end) }
        let first = Int(scalarOfByte[start])
        let last = end < count ? Int(scalarOfByte[end]) : end == count ? Int(scalarOfByte[end - 1]) + 1 : first + 2
        return first..<max(first, last)
    }
}
