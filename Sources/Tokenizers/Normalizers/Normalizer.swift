import JSON

/// A step that rewrites a text before it is cut.
enum Normalizer: Sendable {
    case bert(BERTNormalizer)
    case form(NormalizationForm)
    case lowercase
    case stripAccents
    case strip(left: Bool, right: Bool)
    case nmt
    case precompiled(PrecompiledMap)
    case replace(Pattern, [UInt32])
    case prepend([UInt32])
    case byteLevel

    /// Rewrites a text.
    func normalize(_ text: inout AlignedText, _ scratch: Scratch) throws {
        if text.isEmpty { return }
        switch self {
        case .bert(let bert): bert.normalize(&text)
        case .form(let form): if !text.isASCII { text.apply(form.changes(UTF8Text.scalars(text.bytes))) }
        case .lowercase: Self.lowercase(&text)
        case .stripAccents: if !text.isASCII { text.keepScalars { !ScalarProperties.of($0).contains(.mark) } }
        case .strip(let left, let right): Self.strip(&text, left: left, right: right)
        case .nmt: Self.cleanNMT(&text)
        case .precompiled(let map): try map.normalize(&text, scratch)
        case .replace(let pattern, let content): try Self.replace(pattern, content, &text, scratch)
        case .prepend(let prefix): Self.prepend(prefix, &text)
        case .byteLevel: text.rewriteScalars { ByteLevelAlphabet.append($0, $1, to: &$2) }
        }
    }
}

extension Normalizer {
    static func lowercase(_ text: inout AlignedText) {
        if text.isASCII {
            text.mapASCII { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 }
            return
        }
        text.rewriteScalars { scalar, stretch, output in
            if let mapping = LowerCase.mapping(scalar) {
                for scalar in mapping { output.append(scalar, stretch) }
            } else {
                output.append(scalar, stretch)
            }
        }
    }

    private static func strip(_ text: inout AlignedText, left: Bool, right: Bool) {
        let kept = text.bytes.withUnsafeBufferPointer { bytes in
            var start = 0
            while left, start < bytes.count {
                let (scalar, length) = UTF8Text.scalar(in: bytes, at: start)
                guard ScalarProperties.of(scalar).contains(.whitespace) else { break }
                start += length
            }
            var end = bytes.count
            while right, end > start {
                let (scalar, length) = UTF8Text.scalar(in: bytes, before: end)
                guard ScalarProperties.of(scalar).contains(.whitespace) else { break }
                end -= length
            }
            return start..<end
        }
        if kept.count < text.count { text.trim(to: kept) }
    }

    /// The cleaning that neural machine translation uses: drops control characters, turns others into spaces.
    private static func cleanNMT(_ text: inout AlignedText) {
        text.rewriteScalars { scalar, stretch, output in
            switch scalar {
            case 0x01...0x08, 0x0B, 0x0E...0x1F, 0x7F, 0x8F, 0x9F: break
            case 0x09, 0x0A, 0x0C, 0x0D, 0x1680, 0x200B...0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD:
                output.append(0x20, stretch)
            default: output.append(scalar, stretch)
            }
        }
    }

    /// Puts the content in place of each match, aligned with the last scalar of the match.
    private static func replace(
        _ pattern: Pattern, _ content: [UInt32], _ text: inout AlignedText, _ scratch: Scratch
    ) throws {
        var output = AlignedText(origin: text.origin)
        output.reserve(text.count)
        var hasMatch = false
        let source = text
        try source.bytes.withUnsafeBufferPointer { bytes in
            try pattern.forEachStretch(in: bytes, 0..<bytes.count, scratch.matcher) { range, isMatch in
                // Beyond the limit nothing more is written; the refusal follows.
                guard output.count <= scratch.longestText else { return }
                guard isMatch else { return output.append(contentsOf: source, range) }
                hasMatch = true
                let stretch =
                    range.upperBound == 0
                    ? AlignedText.Stretch(start: source.origin, end: source.origin)
                    : source.stretches[range.upperBound - 1]
                for scalar in content { output.append(scalar, stretch) }
            }
        }
        try scratch.require(byteCount: output.count)
        if hasMatch { text = output }
    }

    private static func prepend(_ prefix: [UInt32], _ text: inout AlignedText) {
        var output = AlignedText(origin: text.origin)
        output.reserve(text.count + prefix.count * 4)
        if prefix.isEmpty {
            // The reference then counts the first scalar as an insertion.
            text.realignFirst()
            return
        }
        text.prefixed(0..<text.count, with: prefix, into: &output)
        text = output
    }
}

extension AlignedText {
    /// Drops the scalars that a condition refuses.
    mutating func keepScalars(_ isKept: (UInt32) -> Bool) {
        rewriteScalars { scalar, stretch, output in if isKept(scalar) { output.append(scalar, stretch) } }
    }
}

extension Normalizer {
    private static let known = [
        "BertNormalizer", "ByteLevel", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Nmt", "Precompiled", "Prepend",
        "Replace", "Sequence", "Strip", "StripAccents",
    ]

    /// Reads the section `normalizer` as the steps it consists of.
    static func read(_ node: JSON.Node) throws -> [Normalizer] {
        let name = try node.field("type").string()
        switch name {
        case "Sequence": return try node.field("normalizers").elements().flatMap(read)
        case "BertNormalizer", "Bert": return [.bert(try BERTNormalizer(node))]
        case "NFC", "NFD", "NFKC", "NFKD": return NormalizationForm(rawValue: name).map { [.form($0)] } ?? []
        case "Lowercase": return [.lowercase]
        case "StripAccents": return [.stripAccents]
        case "Strip":
            return [.strip(left: try node.field("strip_left").bool(), right: try node.field("strip_right").bool())]
        case "Nmt": return [.nmt]
        case "Precompiled": return [.precompiled(try PrecompiledMap(node.field("precompiled_charsmap")))]
        case "Replace":
            let content = try node.field("content").string()
            return [.replace(try Pattern(node.field("pattern")), content.unicodeScalars.map(\.value))]
        case "Prepend": return [.prepend(try node.field("prepend").string().unicodeScalars.map(\.value))]
        case "ByteLevel": return [.byteLevel]
        default: throw TokenizerError.unknownComponent(path: node.path, name: name, known: known)
        }
    }
}

extension Pattern {
    /// Reads `{"String": …}` or `{"Regex": …}`.
    init(_ node: JSON.Node) throws {
        if let literal = try node.optional("String") {
            try self.init(literal: literal.string())
        } else if let regex = try node.optional("Regex") {
            try self.init(regex: regex.string())
        } else {
            throw node.mismatch("an object with the key \"String\" or \"Regex\"")
        }
    }
}
