import JSON

/// GPT-2's cut into words, and bytes as visible characters.
struct ByteLevel: Sendable {
    let addsPrefixSpace: Bool
    let trimsOffsets: Bool
    private let usesPattern: Bool

    static let pattern = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
    private static let compiled = Result { try Pattern(regex: pattern) }

    init(_ node: JSON.Node) throws {
        addsPrefixSpace = try node.field("add_prefix_space").bool()
        trimsOffsets = try node.field("trim_offsets").bool()
        usesPattern = try node.optional("use_regex")?.bool() ?? true
    }

    func apply(_ text: inout PreTokenized, _ scratch: Scratch) throws {
        if addsPrefixSpace { addPrefixSpaces(&text) }
        if usesPattern {
            let pattern = try Self.compiled.get()
            try text.split(.isolated) { bytes, range, splitter in
                try pattern.forEachStretch(in: bytes, range, scratch.matcher) { splitter.add($0, isMatch: $1) }
            }
        }
        text.rewrite { source, piece, output in
            source.bytes.withUnsafeBufferPointer { bytes in
                var position = piece.range.lowerBound
                while position < piece.range.upperBound {
                    let stretch = source.stretches[position]
                    for _ in 0..<UTF8Text.length(lead: bytes[position]) {
                        output.append(ByteLevelAlphabet.scalars[Int(bytes[position])], stretch)
                        position += 1
                    }
                }
            }
        }
    }

    private func addPrefixSpaces(_ text: inout PreTokenized) {
        text.rewrite { source, piece, output in
            let hasSpace = source.bytes[piece.range.lowerBound] == 0x20
            source.prefixed(piece.range, with: hasSpace ? [] : [0x20], into: &output)
        }
    }
}
