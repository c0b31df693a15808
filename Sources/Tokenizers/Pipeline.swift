import JSON

/// The components of a tokenizer and the way of a text through them.
struct Pipeline: Sendable {
    let normalizers: [Normalizer]
    let preTokenizers: [PreTokenizer]
    let model: Model
    let postProcessors: [PostProcessor]
    /// nil where tokens are joined with spaces.
    let decoders: [Decoder]?
    let addedTokens: AddedTokens
    let vocabularySize: Int
    let identifierLimit: Int
    let scratches = ScratchPool()

    /// Offsets are kept in 32 bits.
    private static let maximumBytes = Int(UInt32.max) / 4

    init(_ root: JSON.Node) throws {
        if let version = try root.optional("version"), try version.string() != "1.0" {
            throw version.mismatch("\"1.0\"", found: "\"\(try version.string())\"")
        }
        normalizers = try root.optional("normalizer").map(Normalizer.read) ?? []
        preTokenizers = try root.optional("pre_tokenizer").map(PreTokenizer.read) ?? []
        model = try Model(root.field("model"))
        postProcessors = try root.optional("post_processor").map(PostProcessor.read) ?? []
        decoders = try root.optional("decoder").map(Decoder.read)
        addedTokens = try AddedTokens(root.optional("added_tokens"), model, normalizers)
        let vocabulary = model.vocabulary
        vocabularySize = vocabulary.count + addedTokens.contents(missingFrom: vocabulary)
        let largest = max(vocabulary.entries.map(\.id).max() ?? -1, addedTokens.tokens.keys.max() ?? -1)
        identifierLimit = largest + 1
    }

    /// The identifier of a token, added or of the model.
    func id(of token: String) -> Int? { addedTokens.id(of: token) ?? model.vocabulary.id(of: token) }

    func addedTokenCount(isPair: Bool) -> Int { postProcessors.reduce(0) { $0 + $1.addedTokens(isPair: isPair) } }
}

extension Pipeline {
    /// Encodes one text, without post-processing.
    func encode(_ text: String, typeID: Int, _ scratch: Scratch) throws -> Encoding {
        var text = text
        return try text.withUTF8 { original in
            guard original.count <= Self.maximumBytes else {
                throw TokenizerError.unencodable(reason: "it is longer than \(Self.maximumBytes) bytes")
            }
            scratch.beginText(byteCount: original.count)
            var state = try sections(original, scratch)
            for preTokenizer in preTokenizers {
                try preTokenizer.apply(&state, scratch)
                try scratch.require(byteCount: state.text.count)
            }
            var encoding = try tokenize(state, OffsetMap(original), scratch)
            encoding.fill(typeID: typeID)
            return encoding
        }
    }

    /// Normalizes what is between the added tokens.
    private func sections(_ original: UnsafeBufferPointer<UInt8>, _ scratch: Scratch) throws -> PreTokenized {
        var state = PreTokenized()
        try addedTokens.forEachSection(of: original, isNormalized: false) { range, token in
            var section = AlignedText(original, range)
            let start = state.text.count
            if let token {
                state.text.append(contentsOf: section)
                state.pieces.append(PreTokenized.Piece(start..<state.text.count, token: token))
                return
            }
            for normalizer in normalizers {
                try normalizer.normalize(&section, scratch)
                try scratch.require(byteCount: start + section.count)
            }
            section.bytes.withUnsafeBufferPointer { bytes in
                addedTokens.forEachSection(of: bytes, isNormalized: true) { range, token in
                    let range = (start + range.lowerBound)..<(start + range.upperBound)
                    state.pieces.append(PreTokenized.Piece(range, token: token))
                }
            }
            if start == 0 { state.text = section } else { state.text.append(contentsOf: section) }
        }
        return state
    }

    private func tokenize(_ state: PreTokenized, _ offsets: OffsetMap, _ scratch: Scratch) throws -> Encoding {
        var encoding = Encoding()
        encoding.reserve(state.pieces.count + state.pieces.count / 2)
        var tokens = scratch.takeTokens()
        let vocabulary = model.vocabulary
        try state.text.bytes.withUnsafeBufferPointer { bytes in
            for piece in state.pieces {
                let content = UnsafeBufferPointer(rebasing: bytes[piece.range])
                tokens.removeAll(keepingCapacity: true)
                if let id = piece.token {
                    tokens.append(ModelToken(id: id, start: 0, end: content.count, text: .surface))
                } else {
                    try tokenize(content, scratch, into: &tokens)
                }
                for token in tokens {
                    encoding.ids.append(token.id)
                    encoding.offsets.append(offsets.range(of: token, in: piece, state.text))
                    switch token.text {
                    case .entry(let entry): encoding.tokens.append(vocabulary.entries[entry].text)
                    case .surface: encoding.tokens.append(UTF8Text.string(content[token.start..<token.end]))
                    }
                }
            }
        }
        scratch.giveBack(tokens)
        return encoding
    }

    /// Asks the model, or the memory of what it said before.
    private func tokenize(
        _ piece: UnsafeBufferPointer<UInt8>, _ scratch: Scratch, into tokens: inout [ModelToken]
    ) throws {
        guard piece.count <= WordCache.maximumLength else { return try model.tokenize(piece, scratch, into: &tokens) }
        if scratch.words.append(piece, to: &tokens) { return }
        try model.tokenize(piece, scratch, into: &tokens)
        scratch.words.insert(piece, tokens)
    }

    /// Adds special tokens and joins a pair.
    /// - Throws: `TokenizerError.truncation` where windows of both texts, each with each, would hold absurdly many tokens.
    func postProcess(_ first: Encoding, _ second: Encoding?, addsSpecialTokens: Bool) throws -> Encoding {
        var parts = [first]
        if let second { parts.append(second) }
        for processor in postProcessors { processor.process(&parts, addsSpecialTokens: addsSpecialTokens) }
        guard parts.count > 1 else { return parts.first ?? Encoding() }
        try Truncation.requireFewWindows(parts)
        var result = Encoding()
        for part in parts { result.append(part) }
        return result
    }
}

extension Pipeline {
    func decode(_ ids: [Int], skipsSpecialTokens: Bool, _ scratch: Scratch) throws -> String {
        var tokens: [[UInt8]] = []
        tokens.reserveCapacity(ids.count)
        for id in ids {
            let modelText = model.vocabulary.text(of: id)
            guard let text = addedTokens.decodedText(of: id) ?? modelText else { continue }
            if skipsSpecialTokens, addedTokens.isSpecial(id, modelText: modelText) { continue }
            tokens.append(Array(text.utf8))
        }
        scratch.beginText(byteCount: tokens.reduce(0) { $0 + $1.count })
        guard let decoders else { return UTF8Text.string(Array(tokens.joined(separator: [0x20]))) }
        for decoder in decoders {
            try decoder.decode(&tokens, scratch)
            try scratch.require(byteCount: tokens.reduce(0) { $0 + $1.count })
        }
        return UTF8Text.string(Array(tokens.joined()))
    }
}
