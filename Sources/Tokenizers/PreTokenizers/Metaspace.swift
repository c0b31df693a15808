import JSON

/// SentencePiece's white space: spaces become a visible character that begins words.
struct Metaspace: Sendable {
    /// Which pieces get the character in front.
    enum PrependScheme: String, CaseIterable, Sendable {
        case always
        case first
        case never
    }

    let replacement: UInt32
    let scheme: PrependScheme
    private let splits: Bool

    init(_ node: JSON.Node) throws {
        replacement = try node.field("replacement").scalar().value
        splits = try node.optional("split")?.bool() ?? true
        let isPrefixed = try node.optional("add_prefix_space")?.bool() ?? true
        guard let declared = try node.optional("prepend_scheme") else {
            scheme = isPrefixed ? .always : .never
            return
        }
        let scheme = try declared.choice(PrependScheme.self)
        if !isPrefixed, scheme != .never {
            throw declared.mismatch("\"never\", as add_prefix_space is false", found: "\"\(scheme.rawValue)\"")
        }
        self.scheme = scheme
    }

    func apply(_ text: inout PreTokenized) {
        text.rewrite(append)
        if splits { text.split(.mergedWithNext) { $0 == replacement } }
    }

    private func append(_ source: AlignedText, _ piece: PreTokenized.Piece, to output: inout AlignedText) {
        let first = source.stretches[piece.range.lowerBound]
        let isWanted = scheme == .always || (scheme == .first && first.start == 0)
        source.bytes.withUnsafeBufferPointer { bytes in
            let leading = UTF8Text.scalar(in: bytes, at: piece.range.lowerBound).scalar
            if isWanted, leading != 0x20, leading != replacement { output.append(replacement, first) }
            var position = piece.range.lowerBound
            while position < piece.range.upperBound {
                let (scalar, length) = UTF8Text.scalar(in: bytes, at: position)
                output.append(scalar == 0x20 ? replacement : scalar, source.stretches[position])
                position += length
            }
        }
    }
}
