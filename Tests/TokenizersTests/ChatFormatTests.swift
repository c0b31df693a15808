import Testing
import Tokenizers

@Suite struct ChatFormatTests {
    private let messages = [
        ChatFormat.Message(role: "user", content: " Hi "), ChatFormat.Message(role: "assistant", content: "Hello!"),
        ChatFormat.Message(role: "user", content: "Bye"),
    ]

    /// The texts that the families' public templates make.
    @Test(arguments: [
        (
            ChatFormat.chatML,
            "<|im_start|>user\n Hi <|im_end|>\n<|im_start|>assistant\nHello!<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n"
        ),
        (
            .llama3,
            "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nHello!<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nBye<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
        ),
        (
            .gemma,
            "<bos><start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\nHello!<end_of_turn>\n<start_of_turn>user\nBye<end_of_turn>\n<start_of_turn>model\n"
        ),
        (.mistral, "<s>[INST]  Hi  [/INST]Hello!</s>[INST] Bye [/INST]"),
    ]) func writesTheFamiliesFormat(format: ChatFormat, text: String) throws {
        let segments = try format.segments(messages, addsGenerationPrompt: true)
        #expect(segments.map(\.text).joined() == text)
    }

    @Test(arguments: [
        (ChatFormat.chatML, "Hello!<|im_end|>"), (.llama3, "Hello!<|eot_id|>"), (.gemma, "Hello!<end_of_turn>"),
        (.mistral, "Hello!</s>"),
    ]) func theAssistantsPartIsWhatItSaysAndItsEnd(format: ChatFormat, text: String) throws {
        let segments = try format.segments(messages).filter(\.isAssistant)
        #expect(segments == [ChatFormat.Segment(text, isAssistant: true)])
    }

    @Test func systemMessagesFitSomeFormatsOnly() throws {
        let messages = [
            ChatFormat.Message(role: "system", content: "S"), ChatFormat.Message(role: "user", content: "U"),
        ]
        let text = try ChatFormat.chatML.segments(messages).map(\.text).joined()
        #expect(text == "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n")
        for format in [ChatFormat.gemma, .mistral] {
            #expect(throws: TokenizerError.self) { try format.segments(messages) }
        }
    }

    @Test func rolesMustTakeTurnsWhereTheFormatWantsIt() {
        let twice = [messages[0], messages[0]]
        #expect(throws: TokenizerError.self) { try ChatFormat.gemma.segments(twice) }
        #expect(throws: TokenizerError.self) { try ChatFormat.chatML.segments([]) }
        #expect(throws: TokenizerError.self) {
            try ChatFormat.chatML.segments([ChatFormat.Message(role: "narrator", content: "x")])
        }
    }

    @Test func namesAreForgiving() throws {
        #expect(try ChatFormat(named: "ChatML") == .chatML)
        #expect(try ChatFormat(named: "llama-3") == .llama3)
        #expect(throws: TokenizerError.unknownChatFormat(name: "gema", nearest: "gemma")) {
            try ChatFormat(named: "gema")
        }
    }

    @Test func assistantTokensAreMarked() throws {
        let tokenizer = try Fixtures.tokenizer("qwen2")
        let (encoding, marks) = try tokenizer.encode(try ChatFormat.chatML.segments(messages))
        let marked = zip(encoding.ids, marks).filter(\.1).map(\.0)
        #expect(try tokenizer.decode(marked, skipSpecialTokens: false) == "Hello!<|im_end|>")
        #expect(marks.count == encoding.count)
    }
}
