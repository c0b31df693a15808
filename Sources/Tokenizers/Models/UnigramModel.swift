import JSON

/// The most probable cut of a piece, each token having its own score.
struct UnigramModel: Sendable {
    let vocabulary: Vocabulary
    private let scores: [Double]
    private let unknown: Int?
    private let unknownScore: Double
    private let byteEntries: [Int?]
    private let trie: ByteTrie

    /// What an unknown scalar scores below the worst token.
    private static let unknownPenalty = 10.0

    init(_ node: JSON.Node) throws {
        let items = try node.field("vocab").elements()
        var vocabulary = Vocabulary()
        var scores: [Double] = []
        var keys: [(bytes: [UInt8], value: Int)] = []
        for (id, item) in items.enumerated() {
            let pair = try item.elements()
            guard pair.count == 2 else { throw item.mismatch("a text and its score") }
            let text = try pair[0].string()
            scores.append(try pair[1].double())
            keys.append((Array(text.utf8), id))
            vocabulary.append(text, id: id)
        }
        unknown = try node.optional("unk_id")?.int(in: 0...max(0, items.count - 1))
        if items.isEmpty, unknown != nil {
            throw TokenizerError.invalid(path: node.path, reason: "the vocabulary is empty")
        }
        let hasFallback = try node.optional("byte_fallback")?.bool() ?? false
        byteEntries = hasFallback ? (0...255).map { vocabulary.entry(ByteFallback.token(UInt8($0))) } : []
        unknownScore = (scores.min() ?? 0) - Self.unknownPenalty
        trie = ByteTrie(keys)
        self.scores = scores
        self.vocabulary = vocabulary
    }

    private struct Step {
        var score = 0.0
        var start = -1
        var id = 0
    }

    func tokenize(_ piece: UnsafeBufferPointer<UInt8>, into tokens: inout [ModelToken]) throws {
        let first = tokens.count
        var end = piece.count
        let steps = try bestSteps(piece)
        var unknownEnd = -1
        while end > 0 {
            let step = steps[end]
            if step.id == unknown {
                if unknownEnd < 0 { unknownEnd = end }
            } else {
                if unknownEnd >= 0 { try appendUnknown(piece, end..<unknownEnd, &tokens) }
                unknownEnd = -1
                tokens.append(ModelToken(id: step.id, start: step.start, end: end, text: .entry(step.id)))
            }
            end = step.start
        }
        if unknownEnd >= 0 { try appendUnknown(piece, 0..<unknownEnd, &tokens) }
        tokens[first...].reverse()
    }

    /// For each position, the best last token that ends there. Ties keep the earlier start.
    private func bestSteps(_ piece: UnsafeBufferPointer<UInt8>) throws -> [Step] {
        var steps = [Step](repeating: Step(), count: piece.count + 1)
        var start = 0
        while start < piece.count {
            let length = UTF8Text.length(lead: piece[start])
            let before = steps[start].score
            var hasSingle = false
            trie.forEachKey(in: piece, from: start, to: piece.count) { end, id in
                if end - start == length { hasSingle = true }
                let score = scores[id] + before
                if steps[end].start < 0 || score > steps[end].score {
                    steps[end] = Step(score: score, start: start, id: id)
                }
            }
            if !hasSingle {
                let end = start + length
                let score = unknownScore + before
                if steps[end].start < 0 || score > steps[end].score {
                    guard let unknown else { throw noUnknown(piece) }
                    steps[end] = Step(score: score, start: start, id: unknown)
                }
            }
            start += length
        }
        return steps
    }

    /// Appends a run of unknown scalars: its own token if it happens to have one, its bytes, or the unknown token.
    ///
    /// The tokens are appended from the last to the first.
    private func appendUnknown(
        _ piece: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ tokens: inout [ModelToken]
    ) throws {
        let bytes = UnsafeBufferPointer(rebasing: piece[range])
        var id = unknown
        if let entry = vocabulary.entry(bytes) {
            id = vocabulary.entries[entry].id
        } else if !byteEntries.isEmpty {
            let entries = bytes.compactMap { byteEntries[Int($0)] }
            if entries.count == bytes.count {
                for entry in entries.reversed() {
                    let id = vocabulary.entries[entry].id
                    tokens.append(
                        ModelToken(id: id, start: range.lowerBound, end: range.upperBound, text: .entry(entry)))
                }
                return
            }
        }
        guard let id else { throw noUnknown(piece) }
        tokens.append(ModelToken(id: id, start: range.lowerBound, end: range.upperBound, text: .surface))
    }

    private func noUnknown(_ piece: UnsafeBufferPointer<UInt8>) -> TokenizerError {
        .unencodable(reason: "\"\(UTF8Text.string(piece))\" holds unknown characters, and there is no unk_id")
    }
}

/// The tokens that stand for single bytes.
enum ByteFallback {
    /// The token of a byte: `<0x0A>`.
    static func token(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return "<0x" + (digits.count == 1 ? "0" : "") + digits + ">"
    }
}
