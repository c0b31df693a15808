import JSON
import Testing

@testable import Datasets

struct ClassificationMappingTests {
    private func content(_ header: String, _ columns: ClassificationColumns = .init()) throws -> Sample.Content {
        let names = header.split(separator: ",")
        let row = names.map { "<\($0)>" }.joined(separator: ",")
        return try samples("a.csv", "\(header)\n\(row)\n", for: .classification(columns)).samples[0].content
    }

    @Test(
        arguments: [
            ("text,label", "<text>", nil), ("id,sentence,label", "<sentence>", nil),
            ("content,class", "<content>", nil),
            ("sentence1,sentence2,label", "<sentence1>", "<sentence2>"),
            ("hypothesis,premise,labels", "<premise>", "<hypothesis>"),
            ("question,sentence,label", "<question>", "<sentence>"),
            ("text,text_pair,category", "<text>", "<text_pair>"),
            ("question1,question2,label", "<question1>", "<question2>"),
        ] as [(String, String, String?)])
    func customaryColumnsAreFound(_ header: String, _ text: String, _ pair: String?) throws {
        #expect(try content(header) == .text(text, pair: pair))
    }

    @Test func namedColumnsWin() throws {
        #expect(try content("text,body,kind", .init(text: "body", label: "kind")) == .text("<body>", pair: nil))
        #expect(try content("text,body,label", .init(textPair: "body")) == .text("<text>", pair: "<body>"))
        #expect(
            try content("sentence1,sentence2,label", .init(text: "sentence1")) == .text("<sentence1>", pair: nil))
    }

    @Test func labelsAreNotNeededForPrediction() throws {
        let set = try samples("a.csv", "text\nx\n", for: .classification(.init(readsLabels: false)))
        #expect(set.samples.map(\.label) == [nil])
    }

    @Test(arguments: [
        (
            "a.csv", "txet,label\na,b\n", ClassificationColumns(text: "text"),
            "a.csv:2: there is no column \"text\"; did you mean \"txet\"?"
        ),
        (
            "a.csv", "body,label\na,b\n", ClassificationColumns(),
            "a.csv:2: no text column found (looked for \"text\", \"sentence\", \"content\"); the row has \"body\", \"label\""
        ),
        ("a.csv", "text,y\na,b\n", ClassificationColumns(), "a.csv:2: no label column found"),
        ("a.csv", "text,label\na,b\n,c\n", ClassificationColumns(), "a.csv:3: column \"text\" is empty"),
        ("a.csv", "text,label\n   ,c\n", ClassificationColumns(), "a.csv:2: column \"text\" is blank"),
        ("a.csv", "text,label\na,\n", ClassificationColumns(), "a.csv:2: column \"label\" is empty"),
        (
            "a.jsonl", "{\"text\": 5, \"label\": 1}", ClassificationColumns(),
            "a.jsonl:1: column \"text\" must hold a string, found a number"
        ),
        ("a.jsonl", "{\"text\": null, \"label\": 1}", ClassificationColumns(), "a.jsonl:1: column \"text\" is null"),
        (
            "a.jsonl", "{\"text\": \"a\", \"label\": [1]}", ClassificationColumns(),
            "a.jsonl:1: column \"label\" must hold a string or a number, found an array"
        ),
        (
            "a.jsonl", "{\"text\": \"a\", \"label\": 1}\n{\"text\": \"a\", \"lable\": 1}", ClassificationColumns(),
            "a.jsonl:2: there is no column \"label\"; did you mean \"lable\"?"
        ),
    ])
    func faultyRowsAreNamed(_ file: String, _ text: String, _ columns: ClassificationColumns, _ sentence: String) {
        let found = fault { _ = try samples(file, text, for: .classification(columns)) }
        #expect(found.hasPrefix(sentence), "\(found)")
    }

    @Test func emptyRowsCanBeSkippedAndAreCounted() throws {
        let text = "text,label\na,x\n,y\nb,\n"
        let set = try samples("a.csv", text, for: .classification(.init()), skipsEmptyRows: true)
        #expect(set.samples.map(\.content) == [.text("a", pair: nil)])
        #expect(set.skippedRows == 2)
        let nothing = fault {
            _ = try samples("a.csv", "text,label\n,x\n", for: .classification(.init()), skipsEmptyRows: true)
        }
        #expect(nothing.hasPrefix("a.csv: the file holds no rows"))
    }

    @Test func labelsOfJSONKeepTheirKind() throws {
        let text = ["1", "1.0", "1.5", "\"1\"", "true"].map { "{\"text\": \"a\", \"label\": \($0)}" }
        let set = try samples("a.jsonl", text.joined(separator: "\n"), for: .classification(.init()))
        #expect(set.samples.map(\.label) == [.integer(1), .integer(1), .number(1.5), .text("1"), .text("true")])
    }
}

struct CausalMappingTests {
    /// A minimal format: every turn is `<role>content;`.
    private struct Plain: ConversationFormat {
        struct Refusal: Error, CustomStringConvertible { let description = "turns must alternate" }

        func segments(of messages: [ChatMessage]) throws -> [ConversationSegment] {
            if zip(messages, messages.dropFirst()).contains(where: { $0.role == $1.role }) { throw Refusal() }
            return messages.flatMap { message in
                [
                    ConversationSegment(text: "<\(message.role)>", isLabelled: false),
                    ConversationSegment(text: "\(message.content);", isLabelled: message.role == "assistant"),
                ]
            }
        }
    }

    private func content(_ json: String, _ columns: CausalColumns = .init(conversation: Plain())) throws
        -> Sample.Content
    {
        try samples("a.jsonl", json, for: .causalLM(columns)).samples[0].content
    }

    @Test func theFormatFollowsFromTheColumns() throws {
        #expect(try content(#"{"text": "a"}"#) == .text("a", pair: nil))
        #expect(try content(#"{"prompt": "a", "completion": "b"}"#) == .completion(prompt: "a", completion: "b"))
        #expect(try content(#"{"prompt": "", "completion": "b"}"#) == .completion(prompt: "", completion: "b"))
        #expect(
            try content(#"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}"#)
                == .conversation([
                    ConversationSegment(text: "<user>", isLabelled: false),
                    ConversationSegment(text: "a;", isLabelled: false),
                    ConversationSegment(text: "<assistant>", isLabelled: false),
                    ConversationSegment(text: "b;", isLabelled: true),
                ]))
    }

    @Test func anAmbiguousRowNeedsAFormat() throws {
        let row = #"{"text": "t", "prompt": "a", "completion": "b"}"#
        let sentence = fault { _ = try content(row) }
        #expect(sentence.contains("fit several formats (\"text\", \"prompt_completion\"); set format"))
        #expect(try content(row, .init(format: .text)) == .text("t", pair: nil))
        #expect(try content(row, .init(format: .text, text: "prompt")) == .text("a", pair: nil))
    }

    @Test(arguments: [
        (#"{"body": "a"}"#, "a.jsonl:1: no text column found"),
        (#"{"prompt": "a", "completion": " "}"#, "a.jsonl:1: column \"completion\" is blank"),
        (#"{"prompt": ["a"], "completion": "b"}"#, "a.jsonl:1: column \"prompt\" must hold a string, found an array"),
        (#"{"messages": "hello"}"#, "a.jsonl:1: column \"messages\" must hold a list of objects"),
        (#"{"messages": []}"#, "a.jsonl:1: column \"messages\" is an empty list"),
        (#"{"messages": null}"#, "a.jsonl:1: column \"messages\" is null"),
        (#"{"messages": [1]}"#, "a.jsonl:1: turn 1 of column \"messages\" must be an object"),
        (#"{"messages": [{"role": "user"}]}"#, "a.jsonl:1: turn 1 of column \"messages\" has no content"),
        (
            #"{"messages": [{"role": "user", "content": null}]}"#,
            "a.jsonl:1: turn 1 of column \"messages\" must have a string as content, found null"
        ),
        (
            #"{"messages": [{"role": "asistant", "content": "x"}]}"#,
            "a.jsonl:1: turn 1 of column \"messages\" has the unknown role \"asistant\"; did you mean \"assistant\"?"
        ),
        (
            #"{"messages": [{"role": "user", "content": "x"}, {"role": "user", "content": "y"}]}"#,
            "a.jsonl:1: turns must alternate"
        ),
    ])
    func faultyRowsAreNamed(_ row: String, _ sentence: String) {
        let found = fault { _ = try content(row) }
        #expect(found.hasPrefix(sentence), "\(found)")
    }

    @Test func conversationsNeedAChatFormat() {
        let row = #"{"messages": [{"role": "user", "content": "x"}]}"#
        #expect(fault { _ = try content(row, .init()) }.contains("set one of chatml, llama3, gemma, mistral"))
    }

    @Test func conversationsDoNotComeInDelimitedFiles() {
        let found = fault {
            _ = try samples("a.csv", "messages\nhello\n", for: .causalLM(.init(conversation: Plain())))
        }
        #expect(found.contains("must hold a list of objects with role and content, found a string"))
    }
}
