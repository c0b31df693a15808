import JSON

/// BERT's cleaning: control characters out, white space to spaces, ideographs spaced, accents stripped, lower case.
struct BERTNormalizer: Sendable {
    private let cleansText: Bool
    private let spacesIdeographs: Bool
    private let stripsAccents: Bool
    private let lowercases: Bool

    init(_ node: JSON.Node) throws {
        cleansText = try node.field("clean_text").bool()
        spacesIdeographs = try node.field("handle_chinese_chars").bool()
        lowercases = try node.field("lowercase").bool()
        // Unless it is said, accents go where case goes.
        stripsAccents = try node.optional("strip_accents")?.bool() ?? lowercases
    }

    func normalize(_ text: inout AlignedText) {
        if text.isASCII { return normalizeASCII(&text) }
        if cleansText { clean(&text) }
        if spacesIdeographs { spaceIdeographs(&text) }
        if stripsAccents {
            text.apply(NormalizationForm.nfd.changes(UTF8Text.scalars(text.bytes)))
            text.keepScalars { !ScalarProperties.of($0).contains(.nonspacingMark) }
        }
        if lowercases { Normalizer.lowercase(&text) }
    }

    private func normalizeASCII(_ text: inout AlignedText) {
        if cleansText {
            let hasControl = text.bytes.contains { ($0 < 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D) || $0 == 0x7F }
            if hasControl { clean(&text) } else { text.mapASCII { $0 < 0x20 ? 0x20 : $0 } }
        }
        if lowercases { Normalizer.lowercase(&text) }
    }

    private func clean(_ text: inout AlignedText) {
        text.rewriteScalars { scalar, stretch, output in
            let properties = ScalarProperties.of(scalar)
            if properties.contains(.control) { return }
            output.append(properties.contains(.whitespace) ? 0x20 : scalar, stretch)
        }
    }

    private func spaceIdeographs(_ text: inout AlignedText) {
        text.rewriteScalars { scalar, stretch, output in
            guard Self.isIdeograph(scalar) else { return output.append(scalar, stretch) }
            output.append(0x20, stretch)
            output.append(scalar, stretch)
            output.append(0x20, stretch)
        }
    }

    /// The blocks that BERT calls Chinese.
    private static func isIdeograph(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F,
            0x2B920...0x2CEAF, 0xF900...0xFAFF, 0x2F800...0x2FA1F:
            true
        default: false
        }
    }
}
