/// A text on its way to the model: normalized, and cut into pieces.
struct PreTokenized: Sendable {
    /// A stretch of the text that the model sees alone, or an added token.
    struct Piece: Sendable {
        var range: Range<Int>
        /// The added token that the piece is, or nil for text.
        var token: Int?

        init(_ range: Range<Int>, token: Int? = nil) {
            self.range = range
            self.token = token
        }
    }

    var text = AlignedText()
    var pieces: [Piece] = []

    /// Where a piece begins in the original.
    func originalStart(_ piece: Piece) -> UInt32 { text.stretches[piece.range.lowerBound].start }

    /// Cuts each piece that is not a token; `cut` hands all its stretches to the splitter.
    mutating func split(
        _ behavior: SplitBehavior,
        _ cut: (_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ splitter: inout Splitter) throws -> Void
    ) rethrows {
        var splitter = Splitter(behavior)
        try text.bytes.withUnsafeBufferPointer { bytes in
            for piece in pieces {
                if piece.token != nil {
                    splitter.keep(piece)
                } else {
                    try cut(bytes, piece.range, &splitter)
                    splitter.finish()
                }
            }
        }
        pieces = splitter.pieces
    }

    /// Cuts at every scalar that has a property.
    mutating func split(_ behavior: SplitBehavior, where isDelimiter: (UInt32) -> Bool) {
        split(behavior) { bytes, range, splitter in
            var start = range.lowerBound
            var position = start
            while position < range.upperBound {
                let (scalar, length) = UTF8Text.scalar(in: bytes, at: position)
                if isDelimiter(scalar) {
                    if start < position { splitter.add(start..<position, isMatch: false) }
                    splitter.add(position..<(position + length), isMatch: true)
                    start = position + length
                }
                position += length
            }
            if start < position { splitter.add(start..<position, isMatch: false) }
        }
    }

    /// Makes a new text by rewriting each piece that is not a token.
    mutating func rewrite(_ body: (_ source: AlignedText, _ piece: Piece, _ output: inout AlignedText) -> Void) {
        var output = AlignedText()
        output.reserve(text.count + text.count / 4)
        for index in pieces.indices {
            let start = output.count
            if pieces[index].token == nil {
                body(text, pieces[index], &output)
            } else {
                output.append(contentsOf: text, pieces[index].range)
            }
            pieces[index].range = start..<output.count
        }
        text = output
    }
}
