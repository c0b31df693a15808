/// Turns samples into examples.
public struct ExampleEncoder: Sendable {
    let tokenizer: any TextEncoder
    let options: EncodingOptions
    let labels: LabelSpace?
    /// The most tokens of an example.
    public let limit: Int
    /// The most tokens of a target that is a sequence of its own.
    public let targetLimit: Int

    /// Prepares encoding.
    ///
    /// - Parameter labels: what labels mean, for classification and regression; without, labels are not looked at.
    /// - Throws: `DatasetError.invalidOption`.
    public init(
        _ tokenizer: any TextEncoder, labels: LabelSpace? = nil, options: EncodingOptions = EncodingOptions()
    ) throws {
        self.tokenizer = tokenizer
        self.labels = labels
        self.options = options
        limit = try options.limit(tokenizer: tokenizer.maximumLength)
        targetLimit = try options.targetLimit(tokenizer: tokenizer.maximumLength)
    }

    /// Encodes one sample for classification: special tokens as the template says, the label as class or number.
    ///
    /// - Throws: a `DatasetError` with the place of the sample.
    public func classification(_ sample: Sample) throws -> Example {
        guard case .text(let text, let pair) = sample.content else { throw DatasetError.mixedTargets }
        let whole = try tokens(of: text, pair: pair, addSpecialTokens: true, at: sample.location)
        let firstCount = { try tokens(of: text, pair: nil, addSpecialTokens: false, at: sample.location).count }
        let kept = try truncated(whole, firstCount: pair == nil ? nil : firstCount, at: sample.location)
        let target = try sample.label.flatMap { label in
            try labels?.target(of: label, at: sample.location)
        }
        return try example(kept, target: target ?? .none, isTruncated: kept.count < whole.count, at: sample.location)
    }

    /// Encodes one sample for language modelling: labels are the tokens that the sample wants learnt.
    ///
    /// - Throws: a `DatasetError` with the place of the sample.
    public func causal(_ sample: Sample) throws -> Example {
        let pieces: [ConversationSegment]
        switch sample.content {
        case .text(let text, _): pieces = [ConversationSegment(text: text, isLabelled: true)]
        case .completion(let prompt, let completion):
            pieces = [
                ConversationSegment(text: prompt, isLabelled: false),
                ConversationSegment(text: completion, isLabelled: true),
            ]
        case .conversation(let segments): pieces = segments
        case .image, .preference, .judged: throw DatasetError.mixedTargets
        }
        let whole = try learnable(pieces, of: sample)
        let kept = try truncated(whole.tokens, learnt: whole.isLearnt, at: sample.location)
        var labels = zip(kept.tokens.ids, kept.isLearnt).map { $1 ? Int32(truncatingIfNeeded: $0) : ignoredLabel }
        if !labels.isEmpty { labels[0] = ignoredLabel }
        return try example(
            kept.tokens, target: .tokens(labels), isTruncated: kept.tokens.count < whole.tokens.count,
            at: sample.location)
    }

    func tokens(
        of text: String, pair: String?, addSpecialTokens: Bool, at location: SourceLocation
    ) throws -> TokenSequence {
        do {
            return try tokenizer.tokens(of: text, pair: pair, addSpecialTokens: addSpecialTokens)
        } catch {
            throw DatasetError.encoding(location, reason: "\(error)")
        }
    }

    /// Refuses tokens that the model has no row for.
    func requireKnown(_ ids: [Int], at location: SourceLocation) throws(DatasetError) {
        let known = options.vocabularySize ?? Int(Int32.max)
        if let stranger = ids.first(where: { $0 < 0 || $0 >= known }) {
            throw .unknownToken(location, id: stranger, vocabularySize: known)
        }
    }

    func example(
        _ tokens: TokenSequence, target: Target, isTruncated: Bool, at location: SourceLocation
    ) throws -> Example {
        if tokens.ids.isEmpty { throw DatasetError.encoding(location, reason: "it gives no tokens") }
        try requireKnown(tokens.ids, at: location)
        let hasTypes = tokens.typeIDs.contains { $0 != 0 }
        return Example(
            inputIDs: tokens.ids.map(Int32.init), typeIDs: hasTypes ? tokens.typeIDs.map(Int32.init) : nil,
            target: target, isTruncated: isTruncated)
    }
}
