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
        /// A prompt with a better and a worse answer.
        case preference(Preference)
        /// A prompt with one answer and a judgement of it.
        case judged(JudgedAnswer)
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

/// A prompt and two answers to it.
public struct Preference: Sendable, Equatable {
    /// What both answers answer.
    public let prompt: String
    /// The better answer.
    public let chosen: String
    /// The other.
    public let rejected: String
    /// Whether the texts hold a conversation format's own markers.
    public let isConversation: Bool

    /// Makes a pair.
    public init(prompt: String, chosen: String, rejected: String, isConversation: Bool) {
        (self.prompt, self.chosen, self.rejected) = (prompt, chosen, rejected)
        self.isConversation = isConversation
    }
}

/// A prompt, an answer to it, and whether such answers are wanted.
public struct JudgedAnswer: Sendable, Equatable {
    /// What is answered.
    public let prompt: String
    /// The answer.
    public let answer: String
    /// Whether answers like it are wanted.
    public let isDesirable: Bool
    /// Whether the texts hold a conversation format's own markers.
    public let isConversation: Bool

    /// Judges an answer.
    public init(prompt: String, answer: String, isDesirable: Bool, isConversation: Bool) {
        (self.prompt, self.answer) = (prompt, answer)
        (self.isDesirable, self.isConversation) = (isDesirable, isConversation)
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
        case .preference(let texts):
            for text in [texts.prompt, texts.chosen, texts.rejected] { digest.add(text) }
        case .judged(let judged):
            for text in [judged.prompt, judged.answer] { digest.add(text) }
        }
        return digest.value
    }
}
