extension ExampleEncoder {
    /// Encodes a source with its target, each as a text of its own with the tokenizer's special tokens; the target ends
    /// with the end token. A row without a target is a source to answer.
    ///
    /// - Throws: a `DatasetError` with the place of the sample.
    public func seq2seq(_ sample: Sample) throws -> Example {
        let (source, target): (String, String?) =
            switch sample.content {
            case .completion(let prompt, let completion): (prompt, completion)
            case .text(let text, pair: nil): (text, nil)
            case .text, .conversation, .image, .preference, .judged: throw DatasetError.mixedTargets
            }
        let whole = try tokens(of: source, pair: nil, addSpecialTokens: true, at: sample.location)
        let kept = try truncated(whole, firstCount: nil, at: sample.location)
        let isCut = kept.count < whole.count
        guard let target else { return try example(kept, target: .none, isTruncated: isCut, at: sample.location) }
        let (labels, isTargetCut) = try labels(of: target, at: sample.location)
        return try example(
            kept, target: .sequence(labels), isTruncated: isCut || isTargetCut, at: sample.location)
    }

    /// The target's tokens, cut on the right where they are too many; the end token stays, so that every target ends.
    private func labels(of text: String, at location: SourceLocation) throws -> (labels: [Int32], isTruncated: Bool) {
        var ids = try tokens(of: text, pair: nil, addSpecialTokens: true, at: location).ids
        let end = options.appendsEnd ? tokenizer.endID : nil
        if let end, ids.last != end { ids.append(end) }
        try requireKnown(ids, at: location)
        let limit = targetLimit
        guard ids.count > limit else { return (ids.map(Int32.init), false) }
        guard options.truncation != .error else {
            throw DatasetError.tooLong(location, tokens: ids.count, limit: limit)
        }
        var kept = Array(ids.prefix(limit))
        if let end, ids.last == end, limit > 1 { kept[limit - 1] = end }
        return (kept.map(Int32.init), true)
    }
}
