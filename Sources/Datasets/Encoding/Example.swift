/// One encoded row.
public struct Example: Sendable, Equatable {
    /// The tokens; none where there is an image.
    public var inputIDs: [Int32]
    /// The segment types, where not all are 0.
    public var typeIDs: [Int32]?
    /// What is to be learnt.
    public var target: Target
    /// The worse text of a preference, of which this example is the better one.
    public var alternative: LabelledText?
    /// Whether the answer that it holds is desirable, where it is judged alone.
    public var isDesirable: Bool?
    /// Whether tokens were cut off to fit the limit.
    public var isTruncated: Bool
    /// The image that stands in place of tokens.
    public var image: ImageReference?
    /// The number of the task that it belongs to, where rows have one.
    public var taskID: Int?

    /// Makes an encoded row.
    public init(
        inputIDs: [Int32], typeIDs: [Int32]? = nil, target: Target = .none, alternative: LabelledText? = nil,
        isTruncated: Bool = false
    ) {
        self.inputIDs = inputIDs
        self.typeIDs = typeIDs
        self.target = target
        self.alternative = alternative
        self.isTruncated = isTruncated
    }

    /// Makes an example of an image.
    public init(image: ImageReference, target: Target) {
        self.init(inputIDs: [], target: target)
        self.image = image
    }

    /// The tokens of a target that is a sequence of its own; 0 where it is none.
    public var targetLength: Int {
        if case .sequence(let labels) = target { labels.count } else { 0 }
    }

    /// The number of tokens, an image's as the network counts them; of two texts, the longer one's.
    public var length: Int { image?.positions ?? max(inputIDs.count, alternative?.inputIDs.count ?? 0) }

    /// The tokens of all its texts.
    public var tokenCount: Int {
        image?.positions ?? inputIDs.count + targetLength + (alternative?.inputIDs.count ?? 0)
    }

    /// How many tokens the loss counts; 0 where targets are not per token.
    public var labelledTokens: Int {
        if case .sequence(let labels) = target { return labels.count }
        guard case .tokens(let labels) = target else { return 0 }
        return (labels + (alternative?.labels ?? [])).count { $0 != ignoredLabel }
    }
}

/// A text with a label for each token.
public struct LabelledText: Sendable, Equatable {
    /// The tokens.
    public var inputIDs: [Int32]
    /// As in `Target.tokens`.
    public var labels: [Int32]

    /// Makes a text.
    public init(inputIDs: [Int32], labels: [Int32]) {
        (self.inputIDs, self.labels) = (inputIDs, labels)
    }
}

/// What is to be learnt from an example.
public enum Target: Sendable, Equatable {
    /// Nothing: the example is for prediction.
    case none
    /// A class.
    case classIndex(Int32)
    /// A number.
    case value(Float)
    /// One label per token, unshifted: `labels[i]` is `inputIDs[i]` or `ignoredLabel`. The model predicts it from the
    /// tokens before `i`, so that the first token's label is always ignored.
    case tokens([Int32])
    /// The tokens of a text of its own, which a decoder writes one by one.
    case sequence([Int32])
}

/// The label of tokens that the loss leaves out, as Hugging Face and PyTorch have it.
public let ignoredLabel: Int32 = -100
