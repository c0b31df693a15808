import Datasets
import Tokenizers

extension ChatFormat: ConversationFormat {
    /// The conversation in pieces; the assistant's are to be learnt.
    public func segments(of messages: [ChatMessage]) throws -> [ConversationSegment] {
        try segments(messages.map { Message(role: $0.role, content: $0.content) }).map {
            ConversationSegment(text: $0.text, isLabelled: $0.isAssistant)
        }
    }
}
