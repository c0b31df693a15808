/// One row of a data file after column mapping: what to encode, and its label as the file states it.
public struct Sample: Sendable {
    /// What a row holds besides its label.
    public enum Content: Sendable, Equatable {
        /// A text, or a pair of texts that are read together.
        case text(String, pair: String?)
        /// A prompt, which is read but not learnt, and the completion to learn.
        case completion(prompt: String, completion: String)
        /// A conversation as text, in pieces.
        case conversation([ConversationSegment])
        /// An image, with a digest of its pixels.
        case image(ImageReference, digest: UInt64)
    }

    /// Where the row begins.
    public let location: SourceLocation
    /// The texts, or the image.
    public let content: Content
    /// The label as written; nil where none is wanted.
    public let label: RawLabel?
    /// The number of the task that the row belongs to, where rows have one.
    public var taskID: Int?

    /// Makes a row.
    public init(location: SourceLocation, content: Content, label: RawLabel? = nil) {
        self.location = location
        self.content = content
        self.label = label
    }
}

/// A piece of a conversation's text.
public struct ConversationSegment: Sendable, Equatable {
    /// The text as it stands in the conversation, markers included.
    public let text: String
    /// Whether the model learns to write it.
    public let isLabelled: Bool

    /// Makes a piece.
    public init(text: String, isLabelled: Bool) {
        self.text = text
        self.isLabelled = isLabelled
    }
}

extension Sample {
    /// A 64-bit digest (FNV-1a) of texts or pixels. It ignores label and place, so that copies have one digest.
    public var contentDigest: UInt64 {
        var digest = FNV1a()
        switch content {
        case .text(let text, let pair):
            digest.add(text)
            if let pair { digest.add(pair) }
        case .completion(let prompt, let completion):
            digest.add(prompt)
            digest.add(completion)
        case .conversation(let segments):
            for segment in segments { digest.add(segment.text) }
        case .image(_, let digest): return digest
        }
        return digest.value
    }
}
