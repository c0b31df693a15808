/// How conversations are written as one text: the formats of public model families.
///
/// The texts hold the special tokens already, the one that begins a text included: encode them without adding any.
public enum ChatFormat: String, CaseIterable, Sendable {
    /// `<|im_start|>role`, as Qwen and many others write.
    case chatML = "chatml"
    /// Llama 3's headers.
    case llama3
    /// Gemma's turns; there is no system role.
    case gemma
    /// Mistral 7B's first two versions; there is no system role.
    case mistral

    /// One message of a conversation.
    public struct Message: Sendable, Equatable {
        /// `system`, `user` or `assistant`.
        public var role: String
        /// What is said.
        public var content: String

        /// A message of a role.
        public init(role: String, content: String) {
            self.role = role
            self.content = content
        }
    }

    /// A stretch of the text.
    public struct Segment: Sendable, Equatable {
        /// The stretch as it stands in the text.
        public var text: String
        /// Whether a model has to learn to produce the stretch: what the assistant says, and that it ends there.
        public var isAssistant: Bool

        /// A stretch; by default not the assistant's.
        public init(_ text: String, isAssistant: Bool = false) {
            self.text = text
            self.isAssistant = isAssistant
        }
    }

    /// Finds a format by its name, in any case, with or without `-`, `_` and spaces.
    ///
    /// - Throws: `TokenizerError.unknownChatFormat`, naming the nearest.
    public init(named name: String) throws {
        let wanted = name.lowercased().filter { !"-_ ".contains($0) }
        guard let format = ChatFormat(rawValue: wanted) else {
            let distances = Self.allCases.map { ($0.rawValue, EditDistance.between(wanted, $0.rawValue)) }
            let nearest = distances.min { $0.1 < $1.1 }?.0 ?? Self.chatML.rawValue
            throw TokenizerError.unknownChatFormat(name: name, nearest: nearest)
        }
        self = format
    }
}

extension ChatFormat {
    /// The text of a conversation in stretches; joined they are the whole text.
    ///
    /// - Parameter addsGenerationPrompt: whether the text ends where the assistant begins to answer.
    /// - Throws: `TokenizerError.conversation` where the roles do not fit the format.
    public func segments(_ messages: [Message], addsGenerationPrompt: Bool = false) throws -> [Segment] {
        try check(messages)
        var segments = [Segment(start)]
        for message in messages { segments += self.segments(message) }
        if addsGenerationPrompt { segments.append(Segment(header(role: "assistant"))) }
        return Self.joined(segments)
    }

    private func check(_ messages: [Message]) throws {
        if messages.isEmpty { throw TokenizerError.conversation(reason: "it has no messages") }
        let hasSystem = self == .chatML || self == .llama3
        for (index, message) in messages.enumerated() {
            switch message.role {
            case "user", "assistant":
                let isUserTurn = index % 2 == 0
                if !hasSystem, (message.role == "user") != isUserTurn {
                    throw TokenizerError.conversation(
                        reason: "message \(index + 1) is of the \(message.role), but \(rawValue) wants user and "
                            + "assistant in turn, the user first")
                }
            case "system" where hasSystem: break
            default:
                let known = hasSystem ? "system, user and assistant" : "user and assistant"
                throw TokenizerError.conversation(
                    reason: "message \(index + 1) has the role \"\(message.role)\", but \(rawValue) knows only \(known)"
                )
            }
        }
    }

    private var start: String {
        switch self {
        case .chatML: ""
        case .llama3: "<|begin_of_text|>"
        case .gemma: "<bos>"
        case .mistral: "<s>"
        }
    }

    private func header(role: String) -> String {
        switch self {
        case .chatML: "<|im_start|>\(role)\n"
        case .llama3: "<|start_header_id|>\(role)<|end_header_id|>\n\n"
        case .gemma: "<start_of_turn>\(role == "assistant" ? "model" : role)\n"
        case .mistral: role == "user" ? "[INST] " : ""
        }
    }

    private func segments(_ message: Message) -> [Segment] {
        let isAssistant = message.role == "assistant"
        let content = self == .llama3 || self == .gemma ? Self.trimmed(message.content) : message.content
        let end: String
        let after: String
        switch self {
        case .chatML: (end, after) = ("<|im_end|>", "\n")
        case .llama3: (end, after) = ("<|eot_id|>", "")
        case .gemma: (end, after) = ("<end_of_turn>", "\n")
        case .mistral: (end, after) = (isAssistant ? "</s>" : " [/INST]", "")
        }
        return [
            Segment(header(role: message.role)), Segment(content + end, isAssistant: isAssistant), Segment(after),
        ]
    }

    /// Joins neighbours of the same kind and drops empty stretches.
    private static func joined(_ segments: [Segment]) -> [Segment] {
        var joined: [Segment] = []
        for segment in segments where !segment.text.isEmpty {
            if let last = joined.last, last.isAssistant == segment.isAssistant, !segment.isAssistant {
                joined[joined.count - 1].text += segment.text
            } else {
                joined.append(segment)
            }
        }
        return joined
    }

    /// The text without white space at its ends, as the templates' `trim` takes it off.
    private static func trimmed(_ text: String) -> String {
        func isSpace(_ scalar: Unicode.Scalar) -> Bool {
            scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
        }
        let scalars = text.unicodeScalars.drop(while: isSpace)
        let end = scalars.lastIndex { !isSpace($0) }.map { scalars.index(after: $0) } ?? scalars.startIndex
        return String(scalars[scalars.startIndex..<end])
    }
}

extension Tokenizer {
    /// Encodes a conversation as one text and marks the assistant's tokens.
    ///
    /// - Returns: the encoding and, for each of its tokens, whether it belongs to an assistant's stretch.
    /// - Throws: what `encode` throws.
    public func encode(_ segments: [ChatFormat.Segment]) throws -> (encoding: Encoding, isAssistant: [Bool]) {
        let encoding = try encode(segments.map(\.text).joined(), addSpecialTokens: false)
        var ends: [Int] = []
        for segment in segments { ends.append((ends.last ?? 0) + segment.text.unicodeScalars.count) }
        let marks = zip(encoding.offsets, encoding.attentionMask).map { offsets, attention in
            guard attention == 1, let index = ends.firstIndex(where: { offsets.lowerBound < $0 }) else { return false }
            return segments[index].isAssistant
        }
        return (encoding, marks)
    }
}

/// How many insertions, deletions and replacements lie between two names.
enum EditDistance {
    static func between(_ left: String, _ right: String) -> Int {
        let right = Array(right.utf8)
        var row = Array(0...right.count)
        for (index, byte) in left.utf8.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in right.indices {
                let replaced = diagonal + (byte == right[column] ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, row[column] + 1, diagonal + 1)
            }
        }
        return row[right.count]
    }
}
