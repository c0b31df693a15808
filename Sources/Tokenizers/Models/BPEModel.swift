import JSON

/// Byte pair encoding: starts with single characters and applies the merges by rank.
///
/// Dropout is for training a model; encoding never drops merges, so a file that asks for it is refused.
struct BPEModel: Sendable {
    let vocabulary: Vocabulary
    private let merges: MergeTable
    private let unknownToken: String?
    private let unknown: Int?
    private let prefix: [UInt8]
    private let suffix: [UInt8]
    private let fusesUnknown: Bool
    private let ignoresMerges: Bool
    private let byteEntries: [Int?]
    /// The entries of single scalars below U+0400, where neither prefix nor suffix applies.
    private let scalarEntries: [Int32]

    init(_ node: JSON.Node) throws {
        let vocabulary = try Vocabulary(node.field("vocab"))
        if let dropout = try node.optional("dropout"), try dropout.double() != 0 {
            throw TokenizerError.invalid(
                path: dropout.path, reason: "dropout makes the encoding random; set it to null to encode with this file"
            )
        }
        unknownToken = try node.optional("unk_token")?.string()
        unknown = unknownToken.flatMap { vocabulary.entry($0) }
        prefix = Array(try node.optional("continuing_subword_prefix")?.string().utf8 ?? "".utf8)
        suffix = Array(try node.optional("end_of_word_suffix")?.string().utf8 ?? "".utf8)
        fusesUnknown = try node.optional("fuse_unk")?.bool() ?? false
        ignoresMerges = try node.optional("ignore_merges")?.bool() ?? false
        let hasFallback = try node.optional("byte_fallback")?.bool() ?? false
        byteEntries = hasFallback ? (0...255).map { vocabulary.entry(ByteFallback.token(UInt8($0))) } : []
        merges = try Self.readMerges(node.field("merges"), vocabulary, prefixLength: prefix.count)
        scalarEntries = (0..<0x400).map { value in
            Unicode.Scalar(UInt32(value)).flatMap { vocabulary.entry(String($0)) }.map { Int32($0) } ?? -1
        }
        self.vocabulary = vocabulary
    }

    /// Reads merges as pairs or as texts with one space.
    private static func readMerges(
        _ node: JSON.Node, _ vocabulary: Vocabulary, prefixLength: Int
    ) throws -> MergeTable {
        var table = MergeTable()
        var rank = 0
        for item in try node.elements() {
            let parts: [String]
            switch item.value {
            case .string(let line):
                if line.hasPrefix("#version") { continue }
                parts = line.utf8.split(separator: 0x20, omittingEmptySubsequences: false).map { String($0) ?? "" }
            default: parts = try item.strings()
            }
            guard parts.count == 2 else { throw item.mismatch("two tokens", found: "\(parts.count)") }
            let joined = Array(parts[0].utf8) + parts[1].utf8.dropFirst(prefixLength)
            let left = vocabulary.entry(parts[0])
            let right = vocabulary.entry(parts[1])
            let merged = joined.withUnsafeBufferPointer { vocabulary.entry($0) }
            guard let left, let right, let merged else {
                let text = left == nil ? parts[0] : right == nil ? parts[1] : UTF8Text.string(joined)
                throw TokenizerError.invalid(
                    path: item.path, reason: "the merge refers to \"\(text)\", which is not in the vocabulary")
            }
            table.insert(UInt32(left), UInt32(right), rank: rank, merged: UInt32(merged))
            rank += 1
        }
        return table
    }

    func tokenize(
        _ piece: UnsafeBufferPointer<UInt8>, _ scratch: Scratch, into tokens: inout [ModelToken]
    ) throws {
        if piece.isEmpty { return }
        if ignoresMerges, let entry = vocabulary.entry(piece) {
            let id = vocabulary.entries[entry].id
            tokens.append(ModelToken(id: id, start: 0, end: piece.count, text: .entry(entry)))
            return
        }
        var word = scratch.takeWord()
        try appendSymbols(of: piece, to: &word)
        word.merge(merges)
        var start = 0
        for (entry, length) in word.symbols {
            let id = vocabulary.entries[entry].id
            tokens.append(ModelToken(id: id, start: start, end: start + length, text: .entry(entry)))
            start += length
        }
        scratch.giveBack(word)
    }

    /// Starts a word with the tokens of its characters.
    ///
    /// A character without token and without fallback is left out, as the reference does: the tokens after it move up.
    private func appendSymbols(of piece: UnsafeBufferPointer<UInt8>, to word: inout MergeWord) throws {
        var unknownLength = 0
        var position = 0
        while position < piece.count {
            let (scalar, length) = UTF8Text.scalar(in: piece, at: position)
            let isFirst = position == 0
            let isLast = position + length == piece.count
            let characters = UnsafeBufferPointer(rebasing: piece[position..<(position + length)])
            position += length
            if let entry = entry(scalar, characters, isFirst: isFirst, isLast: isLast) {
                appendUnknown(&unknownLength, to: &word)
                word.append(entry, length: length)
            } else if let bytes = fallback(characters, isFirst: isFirst, isLast: isLast) {
                for entry in bytes { word.append(entry, length: 1) }
            } else if let unknownToken {
                guard unknown != nil else {
                    throw TokenizerError.unencodable(
                        reason: "the unknown token \"\(unknownToken)\" is not in the vocabulary")
                }
                if !fusesUnknown { appendUnknown(&unknownLength, to: &word) }
                unknownLength += length
            }
        }
        appendUnknown(&unknownLength, to: &word)
    }

    private func appendUnknown(_ length: inout Int, to word: inout MergeWord) {
        if length > 0, let unknown { word.append(unknown, length: length) }
        length = 0
    }

    /// The entry of a character at its place in the word.
    private func entry(
        _ scalar: UInt32, _ bytes: UnsafeBufferPointer<UInt8>, isFirst: Bool, isLast: Bool
    ) -> Int? {
        if (isFirst || prefix.isEmpty) && (!isLast || suffix.isEmpty) {
            if scalar < 0x400 {
                let entry = scalarEntries[Int(scalar)]
                return entry < 0 ? nil : Int(entry)
            }
            return vocabulary.entry(bytes)
        }
        return decorated(bytes, isFirst: isFirst, isLast: isLast).withUnsafeBufferPointer { vocabulary.entry($0) }
    }

    private func decorated(_ bytes: UnsafeBufferPointer<UInt8>, isFirst: Bool, isLast: Bool) -> [UInt8] {
        (isFirst ? [] : prefix) + bytes + (isLast ? suffix : [])
    }

    /// The entries of a character's bytes, prefix and suffix included; nil unless all are known.
    private func fallback(_ bytes: UnsafeBufferPointer<UInt8>, isFirst: Bool, isLast: Bool) -> [Int]? {
        if byteEntries.isEmpty { return nil }
        let all = decorated(bytes, isFirst: isFirst, isLast: isLast)
        let entries = all.compactMap { byteEntries[Int($0)] }
        return entries.count == all.count ? entries : nil
    }
}
