import JSON
import Support

/// One turn of a conversation.
public struct ChatMessage: Sendable, Equatable {
    /// Who speaks: `system`, `user` or `assistant`.
    public let role: String
    /// What is said.
    public let content: String

    /// Makes a turn.
    public init(role: String, content: String) {
        self.role = role
        self.content = content
    }

    private static let roles = ["system", "user", "assistant"]

    /// Reads the turns of a row.
    ///
    /// - Throws: `DatasetError.wrongType`, `.emptyValue` or `.conversation` with the turn's number.
    static func list(in record: Record, column: String) throws -> [ChatMessage] {
        let value = try record.value(column)
        if case .null = value { throw DatasetError.emptyValue(record.location, column: column, found: "null") }
        guard case .array(let turns) = value else {
            throw DatasetError.wrongType(
                record.location, column: column, expected: "a list of objects with role and content", found: value.kind)
        }
        if turns.isEmpty { throw DatasetError.emptyValue(record.location, column: column, found: "an empty list") }
        return try turns.enumerated().map { index, turn in
            do {
                return try ChatMessage(turn)
            } catch let problem as TurnProblem {
                throw DatasetError.conversation(
                    record.location, problem: "turn \(index + 1) of column \"\(excerpt(column))\" \(problem.text)")
            }
        }
    }

    private struct TurnProblem: Error { let text: String }

    private init(_ turn: JSON) throws {
        guard case .object(let fields) = turn else {
            throw TurnProblem(text: "must be an object with role and content, found \(turn.kind)")
        }
        role = try Self.string("role", of: fields)
        content = try Self.string("content", of: fields)
        guard Self.roles.contains(role) else {
            let nearest = nearestMatch(to: role, in: Self.roles).map { "; did you mean \"\($0)\"?" }
            throw TurnProblem(
                text: "has the unknown role \"\(excerpt(role))\"\(nearest ?? "; use system, user or assistant")")
        }
    }

    private static func string(_ key: String, of fields: JSON.Object) throws -> String {
        guard let value = fields[key] else { throw TurnProblem(text: "has no \(key)") }
        guard case .string(let text) = value else {
            throw TurnProblem(text: "must have a string as \(key), found \(value.kind)")
        }
        return text
    }
}

/// A way to write turns as text: ChatML, Llama 3, Gemma, Mistral.
public protocol ConversationFormat: Sendable {
    /// The conversation's text in pieces; those that the assistant writes (its end marker included) are labelled.
    func segments(of messages: [ChatMessage]) throws -> [ConversationSegment]
}
