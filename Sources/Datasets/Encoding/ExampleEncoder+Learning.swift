extension ExampleEncoder {
    /// Tokens, and for each whether it is to be learnt.
    typealias LearnableTokens = (tokens: TokenSequence, isLearnt: [Bool])

    /// Encodes the pieces as one text, so that the tokens are those of pretraining, and marks the tokens whose last
    /// character lies in a labelled piece. A token across the border belongs to the piece that it ends in: the model
    /// has to write it.
    func learnable(_ pieces: [ConversationSegment], of sample: Sample) throws -> LearnableTokens {
        // A conversation's format writes its own begin and end markers.
        var isConversation = false
        if case .conversation = sample.content { isConversation = true }
        let text = pieces.map(\.text).joined()
        let tokens = try tokens(of: text, pair: nil, addSpecialTokens: !isConversation, at: sample.location)
        let isLearnt = Self.marks(of: tokens, in: Self.labelledRanges(of: pieces))
        guard !isConversation, options.appendsEnd, let end = tokenizer.endID else { return (tokens, isLearnt) }
        return Self.ended((tokens, isLearnt), by: end)
    }

    /// Adds the end token unless it is there, and has it learnt.
    private static func ended(_ text: LearnableTokens, by end: Int) -> LearnableTokens {
        var (tokens, isLearnt) = text
        if tokens.ids.last == end {
            isLearnt[isLearnt.count - 1] = true
            return (tokens, isLearnt)
        }
        tokens.ids.append(end)
        tokens.typeIDs.append(tokens.typeIDs.last ?? 0)
        tokens.offsets.append(0..<0)
        tokens.isSpecial.append(true)
        return (tokens, isLearnt + [true])
    }

    /// The labelled pieces as ranges of Unicode scalars of the joined text, in order.
    private static func labelledRanges(of pieces: [ConversationSegment]) -> [Range<Int>] {
        var start = 0
        return pieces.compactMap { piece in
            let range = start..<start + piece.text.unicodeScalars.count
            start = range.upperBound
            return piece.isLabelled && !range.isEmpty ? range : nil
        }
    }

    private static func marks(of tokens: TokenSequence, in ranges: [Range<Int>]) -> [Bool] {
        var current = 0
        return zip(tokens.offsets, tokens.isSpecial).map { offset, isSpecial in
            if isSpecial { return false }
            let last = offset.upperBound - 1
            while current < ranges.count, ranges[current].upperBound <= last { current += 1 }
            return current < ranges.count && ranges[current].contains(last)
        }
    }
}
