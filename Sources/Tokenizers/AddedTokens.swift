import JSON

/// A token that is matched in the text before the model sees it.
public struct AddedToken: Sendable, Equatable {
    /// The text of the token.
    public var content: String
    /// Whether it matches only where no word character adjoins.
    public var isSingleWord: Bool
    /// Whether it takes the white space before it.
    public var stripsLeft: Bool
    /// Whether it takes the white space after it.
    public var stripsRight: Bool
    /// Whether it is matched in the normalized text.
    public var isNormalized: Bool
    /// Whether decoding can skip it.
    public var isSpecial: Bool
}

/// The added tokens of a tokenizer with their identifiers.
struct AddedTokens: Sendable {
    private(set) var tokens: [Int: AddedToken] = [:]
    private var ids: [ByteKey: Int] = [:]
    private var specialContents: Set<ByteKey> = []
    /// What decoding shows instead of the content: the normalized content, where it differs.
    private var shown: [Int: String] = [:]
    private var raw = Matcher()
    private var normalized = Matcher()

    /// A text compared by its bytes.
    private struct ByteKey: Hashable, Sendable {
        let bytes: [UInt8]
        init(_ text: String) { bytes = Array(text.utf8) }
    }

    private struct Matcher: Sendable {
        var trie: ByteTrie?
    }

    /// Reads the section `added_tokens`.
    ///
    /// Tokens of the model's vocabulary keep their identifier; the others are numbered on after it, whatever the file
    /// says, as the reference does.
    init(_ node: JSON.Node?, _ model: Model, _ normalizers: [Normalizer]) throws {
        var nextID = model.vocabulary.count
        let scratch = Scratch()
        for item in try node?.elements() ?? [] {
            _ = try item.field("id").int(in: Vocabulary.identifiers)
            let token = try AddedToken(item)
            if token.content.isEmpty { continue }
            let key = ByteKey(token.content)
            let id: Int
            if let known = ids[key] ?? model.vocabulary.id(of: token.content) {
                id = known
            } else {
                id = nextID
                nextID += 1
            }
            if token.isNormalized {
                var text = Array(token.content.utf8).withUnsafeBufferPointer { AlignedText($0, 0..<$0.count) }
                for normalizer in normalizers { try normalizer.normalize(&text, scratch) }
                if text.bytes != key.bytes { shown[id] = UTF8Text.string(text.bytes) }
            }
            ids[key] = id
            if token.isSpecial { specialContents.insert(key) }
            tokens[id] = token
        }
        raw.trie = trie(isNormalized: false)
        normalized.trie = trie(isNormalized: true)
    }

    private func trie(isNormalized: Bool) -> ByteTrie? {
        let keys = tokens.filter { $0.value.isNormalized == isNormalized }.sorted { $0.key > $1.key }
            .map {
                (
                    bytes: Array((isNormalized ? shown[$0.key] ?? $0.value.content : $0.value.content).utf8),
                    value: $0.key
                )
            }
        return keys.isEmpty ? nil : ByteTrie(keys)
    }

    /// The identifier of an added token.
    func id(of content: String) -> Int? { ids[ByteKey(content)] }

    /// What decoding shows for an added token.
    func decodedText(of id: Int) -> String? { tokens[id].map { shown[id] ?? $0.content } }

    /// Whether decoding can skip a token, given what its model calls it.
    func isSpecial(_ id: Int, modelText: String?) -> Bool {
        let text = tokens[id]?.content ?? modelText
        return text.map { specialContents.contains(ByteKey($0)) } ?? false
    }

    /// The added tokens of the vocabulary that are not in the model's.
    func contents(missingFrom vocabulary: Vocabulary) -> Int {
        tokens.values.count { vocabulary.entry($0.content) == nil }
    }
}

extension AddedTokens {
    /// Cuts a text at the added tokens: `body` gets the stretches in order, with the token or nil.
    func forEachSection(
        of bytes: UnsafeBufferPointer<UInt8>, isNormalized: Bool, _ body: (Range<Int>, _ token: Int?) throws -> Void
    ) rethrows {
        guard let trie = isNormalized ? normalized.trie : raw.trie else {
            if !bytes.isEmpty { try body(0..<bytes.count, nil) }
            return
        }
        var done = 0
        var position = 0
        while position < bytes.count {
            guard trie.canBegin(with: bytes[position]),
                let (matchEnd, id) = trie.longestKey(in: bytes, from: position, to: bytes.count),
                let token = tokens[id]
            else {
                position += 1
                continue
            }
            let match = position..<matchEnd
            position = matchEnd
            if token.isSingleWord, Self.adjoinsWord(bytes, match) { continue }
            // White space that the token before has taken can hold a match too; the stretches then overlap.
            let start = token.stripsLeft ? max(done, Self.spaceStart(bytes, match.lowerBound)) : match.lowerBound
            let end = token.stripsRight ? Self.spaceEnd(bytes, match.upperBound) : match.upperBound
            guard start < end else { continue }
            if done < start { try body(done..<start, nil) }
            try body(start..<end, id)
            done = end
        }
        if done < bytes.count { try body(done..<bytes.count, nil) }
    }

    private static func adjoinsWord(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> Bool {
        if range.lowerBound > 0,
            ScalarProperties.of(UTF8Text.scalar(in: bytes, before: range.lowerBound).scalar).contains(.word)
        {
            return true
        }
        return range.upperBound < bytes.count
            && ScalarProperties.of(UTF8Text.scalar(in: bytes, at: range.upperBound).scalar).contains(.word)
    }

    private static func spaceStart(_ bytes: UnsafeBufferPointer<UInt8>, _ end: Int) -> Int {
        var start = end
        while start > 0 {
            let (scalar, length) = UTF8Text.scalar(in: bytes, before: start)
            guard ScalarProperties.of(scalar).contains(.whitespace) else { break }
            start -= length
        }
        return start
    }

    private static func spaceEnd(_ bytes: UnsafeBufferPointer<UInt8>, _ start: Int) -> Int {
        var end = start
        while end < bytes.count {
            let (scalar, length) = UTF8Text.scalar(in: bytes, at: end)
            guard ScalarProperties.of(scalar).contains(.whitespace) else { break }
            end += length
        }
        return end
    }
}

extension AddedToken {
    fileprivate init(_ node: JSON.Node) throws {
        content = try node.field("content").string()
        isSingleWord = try node.field("single_word").bool()
        stripsLeft = try node.field("lstrip").bool()
        stripsRight = try node.field("rstrip").bool()
        isNormalized = try node.field("normalized").bool()
        isSpecial = try node.field("special").bool()
    }
}
