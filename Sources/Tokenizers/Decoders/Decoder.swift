import JSON

/// A step that turns tokens back into text. Texts are bytes: in between they need not be valid UTF-8.
enum Decoder: Sendable {
    case bpe(suffix: [UInt8])
    case byteFallback
    case byteLevel
    case ctc(pad: [UInt8], delimiter: [UInt8], cleansUp: Bool)
    case fuse
    case metaspace(replacement: UInt32, dropsFirst: Bool)
    case replace(Pattern, [UInt8])
    case strip(UInt32, start: Int, stop: Int)
    case wordPiece(prefix: [UInt8], cleansUp: Bool)

    func decode(_ tokens: inout [[UInt8]], _ scratch: Scratch) throws {
        switch self {
        case .bpe(let suffix):
            for index in tokens.indices {
                let space: [UInt8] = index == tokens.count - 1 ? [] : [0x20]
                tokens[index] = tokens[index].replacing(suffix, with: space)
            }
        case .byteFallback: tokens = Self.joinBytes(tokens)
        case .byteLevel: tokens = [Self.bytes(tokens)]
        case .ctc(let pad, let delimiter, let cleansUp): tokens = Self.collapse(tokens, pad, delimiter, cleansUp)
        case .fuse: tokens = [Array(tokens.joined())]
        case .metaspace(let replacement, let dropsFirst):
            for index in tokens.indices {
                tokens[index] = Self.spaced(tokens[index], replacement, drops: dropsFirst && index == 0)
            }
        case .replace(let pattern, let content):
            var byteCount = 0
            for index in tokens.indices {
                tokens[index] = try Self.replace(tokens[index], pattern, content, scratch)
                byteCount += tokens[index].count
                try scratch.require(byteCount: byteCount)
            }
        case .strip(let scalar, let start, let stop):
            for index in tokens.indices { tokens[index] = Self.strip(tokens[index], scalar, start, stop) }
        case .wordPiece(let prefix, let cleansUp):
            for index in tokens.indices {
                if index > 0 {
                    tokens[index] =
                        tokens[index].starts(with: prefix)
                        ? Array(tokens[index].dropFirst(prefix.count)) : [0x20] + tokens[index]
                }
                if cleansUp { tokens[index] = Self.cleanUp(tokens[index]) }
            }
        }
    }
}

extension Decoder {
    /// Puts runs of byte tokens together; a run that is not UTF-8 becomes one replacement character per byte.
    private static func joinBytes(_ tokens: [[UInt8]]) -> [[UInt8]] {
        var output: [[UInt8]] = []
        var run: [UInt8] = []
        func flush() {
            if run.isEmpty { return }
            let text = Array(UTF8Text.string(run).utf8)
            if text == run {
                output.append(run)
            } else {
                output += [[UInt8]](repeating: Array("\u{FFFD}".utf8), count: run.count)
            }
            run = []
        }
        for token in tokens {
            if let byte = byte(token) {
                run.append(byte)
            } else {
                flush()
                output.append(token)
            }
        }
        flush()
        return output
    }

    /// The byte of a token like `<0x0A>`.
    private static func byte(_ token: [UInt8]) -> UInt8? {
        guard token.count == 6, token.starts(with: "<0x".utf8), token[5] == UInt8(ascii: ">") else { return nil }
        // A sign is allowed as the reference's number parser allows it.
        return UInt8(UTF8Text.string(token[3..<5]), radix: 16)
    }

    private static func bytes(_ tokens: [[UInt8]]) -> [UInt8] {
        var output: [UInt8] = []
        for token in tokens {
            let bytes = UTF8Text.scalars(token).map(ByteLevelAlphabet.byte)
            if bytes.contains(where: { $0 == nil }) { output += token } else { output += bytes.compactMap { $0 } }
        }
        return Array(UTF8Text.string(output).utf8)
    }

    /// Drops repeated tokens and padding (connectionist temporal classification).
    private static func collapse(
        _ tokens: [[UInt8]], _ pad: [UInt8], _ delimiter: [UInt8], _ cleansUp: Bool
    ) -> [[UInt8]] {
        var output: [[UInt8]] = []
        var last: [UInt8]?
        for token in tokens where token != last {
            last = token
            var text = token.replacing(pad, with: [])
            if cleansUp { text = cleanUp(text).replacing(delimiter, with: [0x20]) }
            if !text.isEmpty { output.append(text) }
        }
        return output
    }

    private static func spaced(_ token: [UInt8], _ replacement: UInt32, drops: Bool) -> [UInt8] {
        var mark: [UInt8] = []
        UTF8Text.append(replacement, to: &mark)
        return token.replacing(mark, with: drops ? [] : [0x20])
    }

    private static func replace(
        _ token: [UInt8], _ pattern: Pattern, _ content: [UInt8], _ scratch: Scratch
    ) throws -> [UInt8] {
        var output: [UInt8] = []
        try token.withUnsafeBufferPointer { bytes in
            try pattern.forEachStretch(in: bytes, 0..<bytes.count, scratch.matcher) { range, isMatch in
                // Beyond the limit nothing more is written; the refusal follows.
                guard output.count <= scratch.longestText else { return }
                if isMatch { output += content } else { output += bytes[range] }
            }
        }
        return output
    }

    /// Takes a character off the ends, at most so many times.
    private static func strip(_ token: [UInt8], _ scalar: UInt32, _ start: Int, _ stop: Int) -> [UInt8] {
        let scalars = UTF8Text.scalars(token)
        let leading = scalars.prefix(start).prefix { $0 == scalar }.count
        let trailing = scalars.suffix(stop).reversed().prefix { $0 == scalar }.count
        guard leading + trailing <= scalars.count else { return [] }
        var output: [UInt8] = []
        for scalar in scalars[leading..<(scalars.count - trailing)] { UTF8Text.append(scalar, to: &output) }
        return output
    }

    private static let cleanings: [(from: [UInt8], to: [UInt8])] = [
        (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"),
        (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    ].map { (Array($0.0.utf8), Array($0.1.utf8)) }

    /// Takes out the spaces that English does not have.
    private static func cleanUp(_ text: [UInt8]) -> [UInt8] {
        guard text.contains(0x20) else { return text }
        return cleanings.reduce(text) { $0.replacing($1.from, with: $1.to) }
    }
}

extension [UInt8] {
    /// Replaces each occurrence of some bytes, from the left; an empty pattern occurs at every character's edge.
    func replacing(_ pattern: [UInt8], with content: [UInt8]) -> [UInt8] {
        if pattern.isEmpty { return interspersed(content) }
        guard count >= pattern.count else { return self }
        var output: [UInt8] = []
        output.reserveCapacity(count)
        var position = 0
        while position < count {
            if self[position] == pattern[0], self[position...].starts(with: pattern) {
                output += content
                position += pattern.count
            } else {
                output.append(self[position])
                position += 1
            }
        }
        return output
    }

    private func interspersed(_ content: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        for byte in self {
            if byte & 0xC0 != 0x80 { output += content }
            output.append(byte)
        }
        return output + content
    }
}

extension Decoder {
    private static let known = [
        "BPEDecoder", "ByteFallback", "ByteLevel", "CTC", "Fuse", "Metaspace", "Replace", "Sequence", "Strip",
        "WordPiece",
    ]

    /// Reads the section `decoder` as the steps it consists of.
    static func read(_ node: JSON.Node) throws -> [Decoder] {
        let name = try node.field("type").string()
        switch name {
        case "Sequence": return try node.field("decoders").elements().flatMap(read)
        case "BPEDecoder": return [.bpe(suffix: Array(try node.field("suffix").string().utf8))]
        case "ByteFallback": return [.byteFallback]
        case "ByteLevel": return [.byteLevel]
        case "CTC":
            return [
                .ctc(
                    pad: Array(try node.field("pad_token").string().utf8),
                    delimiter: Array(try node.field("word_delimiter_token").string().utf8),
                    cleansUp: try node.field("cleanup").bool())
            ]
        case "Fuse": return [.fuse]
        case "Metaspace":
            let metaspace = try Metaspace(node)
            return [.metaspace(replacement: metaspace.replacement, dropsFirst: metaspace.scheme != .never)]
        case "Replace":
            let content = Array(try node.field("content").string().utf8)
            return [.replace(try Pattern(node.field("pattern")), content)]
        case "Strip":
            return [
                .strip(
                    try node.field("content").scalar().value, start: try node.field("start").int(in: 0...Int.max),
                    stop: try node.field("stop").int(in: 0...Int.max))
            ]
        case "WordPiece":
            return [
                .wordPiece(
                    prefix: Array(try node.field("prefix").string().utf8), cleansUp: try node.field("cleanup").bool())
            ]
        default: throw TokenizerError.unknownComponent(path: node.path, name: name, known: known)
        }
    }
}
