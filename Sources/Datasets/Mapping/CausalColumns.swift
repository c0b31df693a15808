/// How the rows of a language-modelling file state their text.
public enum CausalFormat: String, Sendable, CaseIterable {
    /// One column of running text.
    case text
    /// A prompt and its completion.
    case completion = "prompt_completion"
    /// A list of turns, each an object with `role` and `content`.
    case messages
}

/// The columns of a language-modelling file.
public struct CausalColumns: Sendable {
    /// How rows state their text; nil goes by the columns that are there.
    public var format: CausalFormat?
    /// The column of running text.
    public var text: String
    /// The column of the prompt.
    public var prompt: String
    /// The column of the completion.
    public var completion: String
    /// The column of the turns.
    public var messages: String
    /// How turns become text; needed for `messages` only.
    public var conversation: (any ConversationFormat)?

    /// By default the columns have the names that Hugging Face users expect.
    public init(
        format: CausalFormat? = nil, text: String = "text", prompt: String = "prompt",
        completion: String = "completion", messages: String = "messages",
        conversation: (any ConversationFormat)? = nil
    ) {
        self.format = format
        self.text = text
        self.prompt = prompt
        self.completion = completion
        self.messages = messages
        self.conversation = conversation
    }

    /// Chooses the format by the names of a row.
    ///
    /// - Throws: `DatasetError.undetectedColumn`, `.ambiguousFormat`, `.missingColumn`, or `.conversation` where turns
    ///   have no format.
    func mapping(for record: Record) throws(DatasetError) -> CausalMapping {
        let format = if let chosen = self.format { chosen } else { try detectedFormat(of: record) }
        for name in columns(of: format) { _ = try record.value(name) }
        if format == .messages, conversation == nil {
            throw .conversation(
                record.location, problem: "conversations need a chat format; set one of chatml, llama3, gemma, mistral")
        }
        return CausalMapping(columns: self, format: format)
    }

    private func columns(of format: CausalFormat) -> [String] {
        switch format {
        case .text: [text]
        case .completion: [prompt, completion]
        case .messages: [messages]
        }
    }

    private func detectedFormat(of record: Record) throws(DatasetError) -> CausalFormat {
        let fitting = CausalFormat.allCases.filter { format in
            columns(of: format).allSatisfy { record.fields[$0] != nil }
        }
        if let format = fitting.first, fitting.count == 1 { return format }
        if fitting.isEmpty {
            throw .undetectedColumn(
                record.location, role: "text", tried: [text, prompt, completion, messages],
                available: record.fields.keys)
        }
        throw .ambiguousFormat(record.location, formats: fitting.map(\.rawValue))
    }
}

/// Rows of running text, of prompt and completion, or of turns.
struct CausalMapping: RowMapping {
    let columns: CausalColumns
    let format: CausalFormat

    func sample(from record: Record) throws -> Sample {
        Sample(location: record.location, content: try content(of: record))
    }

    private func content(of record: Record) throws -> Sample.Content {
        switch format {
        case .text: return .text(try record.text(columns.text), pair: nil)
        case .completion:
            // An empty prompt is a completion without condition; an empty completion teaches nothing.
            return .completion(
                prompt: try record.text(columns.prompt, allowsEmpty: true),
                completion: try record.text(columns.completion))
        case .messages: return .conversation(try segments(of: record))
        }
    }

    private func segments(of record: Record) throws -> [ConversationSegment] {
        let messages = try ChatMessage.list(in: record, column: columns.messages)
        guard let conversation = columns.conversation else { return [] }
        do {
            return try conversation.segments(of: messages)
        } catch {
            throw DatasetError.conversation(record.location, problem: "\(error)")
        }
    }
}
