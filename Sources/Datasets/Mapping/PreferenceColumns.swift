import JSON

/// The columns of a file of preferences: a prompt and two answers to it, of which the first is better; or, where a file
/// has no column of better answers, a prompt, one answer, and whether it is desirable.
public struct PreferenceColumns: Sendable {
    /// The column of the prompt.
    public var prompt: String
    /// The column of the better answer.
    public var chosen: String
    /// The column of the other.
    public var rejected: String
    /// The column of the only answer.
    public var completion: String
    /// The column that says whether that is desirable.
    public var label: String
    /// How turns become text; needed where columns hold turns.
    public var conversation: (any ConversationFormat)?

    /// By default the columns have the names that users of TRL expect.
    public init(
        prompt: String = "prompt", chosen: String = "chosen", rejected: String = "rejected",
        completion: String = "completion", label: String = "label", conversation: (any ConversationFormat)? = nil
    ) {
        (self.prompt, self.chosen, self.rejected) = (prompt, chosen, rejected)
        (self.completion, self.label) = (completion, label)
        self.conversation = conversation
    }

    /// Holds the names against a row.
    ///
    /// - Throws: `DatasetError.missingColumn`, or `.conversation` where turns have no format.
    func mapping(for record: Record) throws(DatasetError) -> any RowMapping {
        if record.fields[chosen] == nil, record.fields[completion] != nil {
            for column in [prompt, label] { _ = try record.value(column) }
            return JudgedMapping(columns: self)
        }
        let answers = [try record.value(chosen), try record.value(rejected)]
        // Two conversations with a common beginning need no column for it.
        let holdsTurns = answers.allSatisfy { if case .array = $0 { true } else { false } }
        if !holdsTurns { _ = try record.value(prompt) }
        return PreferenceMapping(columns: self)
    }
}

/// Rows of a prompt and two answers.
struct PreferenceMapping: RowMapping {
    let columns: PreferenceColumns

    func sample(from record: Record) throws -> Sample {
        Sample(location: record.location, content: .preference(try preference(of: record)))
    }

    private func preference(of record: Record) throws -> Preference {
        let names = [columns.prompt, columns.chosen, columns.rejected]
        let holdsTurns = names.contains { if case .array? = record.fields[$0] { true } else { false } }
        guard holdsTurns else {
            return Preference(
                // An empty prompt is two texts without condition.
                prompt: try record.text(columns.prompt, allowsEmpty: true), chosen: try record.text(columns.chosen),
                rejected: try record.text(columns.rejected), isConversation: false)
        }
        let conversation = try format(of: record)
        var prompt = try turns(columns.prompt, role: "user", of: record) ?? []
        var chosen = try requiredTurns(columns.chosen, of: record)
        var rejected = try requiredTurns(columns.rejected, of: record)
        if prompt.isEmpty {
            let shared = zip(chosen, rejected).prefix { $0 == $1 }.count
            // The answers' last turns are theirs even where they are equal.
            let count = min(shared, chosen.count - 1, rejected.count - 1)
            prompt = Array(chosen.prefix(count))
            (chosen, rejected) = (Array(chosen.dropFirst(count)), Array(rejected.dropFirst(count)))
        }
        let first = try answer(chosen, to: prompt, conversation, columns.chosen, record)
        let second = try answer(rejected, to: prompt, conversation, columns.rejected, record)
        return Preference(
            prompt: first.prompt, chosen: first.answer, rejected: second.answer, isConversation: true)
    }

    /// How the turns of a row become text.
    func format(of record: Record) throws -> any ConversationFormat {
        guard let conversation = columns.conversation else {
            throw DatasetError.conversation(
                record.location, problem: "conversations need a chat format; set one of chatml, llama3, gemma, mistral")
        }
        return conversation
    }

    /// The turns of a column; a text is one turn of the role. Nil where the column is not there.
    func turns(_ column: String, role: String, of record: Record) throws -> [ChatMessage]? {
        guard let value = record.fields[column], value != .null else { return nil }
        if case .string = value { return [ChatMessage(role: role, content: try record.text(column))] }
        return try ChatMessage.list(in: record, column: column)
    }

    func requiredTurns(_ column: String, of record: Record) throws -> [ChatMessage] {
        guard let turns = try turns(column, role: "assistant", of: record) else {
            throw DatasetError.emptyValue(record.location, column: column, found: "null")
        }
        return turns
    }

    /// What stands before the answer, and the answer with its end marker.
    func answer(
        _ turns: [ChatMessage], to prompt: [ChatMessage], _ conversation: any ConversationFormat, _ column: String,
        _ record: Record
    ) throws -> (prompt: String, answer: String) {
        guard turns.count == 1, turns[0].role == "assistant", !prompt.isEmpty else {
            throw DatasetError.conversation(
                record.location,
                problem: "column \"\(excerpt(column))\" must hold one turn of the assistant after the prompt's turns")
        }
        let segments: [ConversationSegment]
        do {
            segments = try conversation.segments(of: prompt + turns)
        } catch {
            throw DatasetError.conversation(record.location, problem: "\(error)")
        }
        guard let place = segments.lastIndex(where: \.isLabelled) else {
            throw DatasetError.conversation(record.location, problem: "the chat format marks no answer")
        }
        return (segments[..<place].map(\.text).joined(), segments[place].text)
    }
}
