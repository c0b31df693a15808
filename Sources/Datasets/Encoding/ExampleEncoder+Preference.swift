extension ExampleEncoder {
    /// Encodes a prompt with two answers, or with one that is judged. The prompt's tokens are those of the prompt alone,
    /// so that both texts begin with the same; no token reaches across the border.
    ///
    /// Too long a prompt loses its beginning, alike for both; answers that do not fit after what is left of it lose their
    /// end.
    /// - Throws: a `DatasetError` with the place of the sample.
    public func preference(_ sample: Sample) throws -> Example {
        switch sample.content {
        case .preference(let texts):
            let prompt = PromptText(text: texts.prompt, isConversation: texts.isConversation)
            let pair = try answers([texts.chosen, texts.rejected], to: prompt, of: sample)
            return Example(
                inputIDs: pair.texts[0].inputIDs, target: .tokens(pair.texts[0].labels), alternative: pair.texts[1],
                isTruncated: pair.isTruncated)
        case .judged(let judged):
            let prompt = PromptText(text: judged.prompt, isConversation: judged.isConversation)
            let only = try answers([judged.answer], to: prompt, of: sample)
            var example = Example(
                inputIDs: only.texts[0].inputIDs, target: .tokens(only.texts[0].labels), isTruncated: only.isTruncated)
            example.isDesirable = judged.isDesirable
            return example
        default: throw DatasetError.mixedTargets
        }
    }

    /// Each answer after what fits of the prompt.
    private func answers(
        _ answers: [String], to prompt: PromptText, of sample: Sample
    ) throws -> (texts: [LabelledText], isTruncated: Bool) {
        let tokens = try promptTokens(prompt, of: sample)
        let answers = try answers.map { try answerTokens($0, after: tokens, prompt, of: sample) }
        let (kept, longest) = (try fitted(tokens, answers, of: sample), answers.map(\.count).max() ?? 0)
        let room = limit - kept.count
        guard room > 0 else { throw DatasetError.noRoom(sample.location, limit: limit, specialTokens: kept.count) }
        return (
            try answers.map { try text(kept, Array($0.prefix(room)), of: sample) },
            kept.count < tokens.count || longest > room
        )
    }

    /// The prompt's tokens without what a template puts at the end of a whole text.
    private func promptTokens(_ prompt: PromptText, of sample: Sample) throws -> [PromptToken] {
        let tokens = try tokens(
            of: prompt.text, pair: nil, addSpecialTokens: !prompt.isConversation, at: sample.location)
        let all = zip(tokens.ids, tokens.isSpecial).map { PromptToken(id: $0, isInserted: $1) }
        guard !prompt.text.isEmpty else {
            // Of a template around nothing, only what begins a text stays.
            return all.first.map { $0.id == tokenizer.endID ? [] : [$0] } ?? []
        }
        let end = all.lastIndex { !$0.isInserted } ?? -1
        return Array(all[...end])
    }

    /// The answer's tokens as they stand after the prompt; alone where the tokenizer would join the two at the border.
    private func answerTokens(
        _ answer: String, after prompt: [PromptToken], _ text: PromptText, of sample: Sample
    ) throws -> [Int] {
        let joined = try tokens(
            of: text.text + answer, pair: nil, addSpecialTokens: !text.isConversation, at: sample.location)
        let border = text.text.unicodeScalars.count
        let end = joined.isSpecial.lastIndex(of: false).map { $0 + 1 } ?? 0
        let continues =
            joined.ids.starts(with: prompt.map(\.id))
            && joined.offsets[min(prompt.count, end)..<end].allSatisfy { $0.lowerBound >= border }
        var ids =
            continues && end > prompt.count
            ? Array(joined.ids[prompt.count..<end])
            : try tokens(of: answer, pair: nil, addSpecialTokens: false, at: sample.location).ids
        if !text.isConversation, options.appendsEnd, let end = tokenizer.endID, ids.last != end { ids.append(end) }
        return ids
    }

    /// The prompt as far as it fits before the longer answer; tokens inserted at its beginning stay.
    private func fitted(_ prompt: [PromptToken], _ answers: [[Int]], of sample: Sample) throws -> [Int] {
        let longest = answers.map(\.count).max() ?? 0
        let total = prompt.count + longest
        let allowed = min(options.maximumPromptLength ?? .max, prompt.count)
        if options.truncation == .error, total > limit || allowed < prompt.count {
            throw DatasetError.tooLong(sample.location, tokens: total, limit: limit)
        }
        let inserted = prompt.prefix { $0.isInserted }.count
        // One token of the prompt stays in any case: the answer's first token is predicted from it.
        let room = max(min(allowed, limit - longest), min(inserted + 1, allowed))
        guard room < prompt.count else { return prompt.map(\.id) }
        let head = min(inserted, room)
        return (prompt.prefix(head) + prompt.suffix(room - head)).map(\.id)
    }

    private func text(_ prompt: [Int], _ answer: [Int], of sample: Sample) throws -> LabelledText {
        try requireKnown(prompt + answer, at: sample.location)
        let ids = (prompt + answer).map(Int32.init)
        var labels = Array(repeating: ignoredLabel, count: prompt.count) + ids.dropFirst(prompt.count)
        if !labels.isEmpty { labels[0] = ignoredLabel }
        guard labels.contains(where: { $0 != ignoredLabel }) else {
            throw DatasetError.encoding(
                sample.location, reason: "an answer gives no token that could be predicted from one before it")
        }
        return LabelledText(inputIDs: ids, labels: labels)
    }
}

/// A prompt as a row has it.
private struct PromptText {
    let text: String
    /// Whether it holds a conversation format's own markers.
    let isConversation: Bool
}

/// A token of a prompt.
private struct PromptToken {
    let id: Int
    /// Whether the tokenizer's template put it there.
    let isInserted: Bool
}
