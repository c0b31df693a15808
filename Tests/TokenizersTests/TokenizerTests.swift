import Foundation
import JSON
import Testing

@testable import Tokenizers

@Suite struct TokenizerTests {
    @Test func aFileAndItsFolderGiveTheSameTokenizer() throws {
        let folder = Fixtures.folder.appendingPathComponent("minilm/a/tokenizer")
        let text = "Hello, naïve world"
        let first = try Tokenizer(contentsOf: folder).encode(text)
        #expect(try Tokenizer(contentsOf: folder.appendingPathComponent("tokenizer.json")).encode(text) == first)
    }

    @Test func batchesEqualSingleTexts() throws {
        let tokenizer = try Fixtures.tokenizer("minilm").withoutTruncation().withoutPadding()
        let texts = (0..<500).map {
            EncodeInput("Text number \($0), with é and 漢字 \($0 * 7919)", pair: $0 % 3 == 0 ? "b" : nil)
        }
        let batch = try tokenizer.encodeBatch(texts)
        #expect(batch == (try texts.map { try tokenizer.encode($0.text, pair: $0.pair) }))
    }

    @Test func paddingAndTruncationAreSettingsOfACopy() throws {
        let tokenizer = try Fixtures.tokenizer("minilm").withoutTruncation().withoutPadding()
        let padded = tokenizer.padding(Padding(direction: .left, multiple: 8, id: 9, token: "P")).truncating(to: 10)
        let batch = try padded.encodeBatch(["one two", "one two three four five six seven eight nine ten eleven"])
        #expect(batch.map(\.count) == [16, 16])
        #expect(batch[0].attentionMask == [Int](repeating: 0, count: 12) + [1, 1, 1, 1])
        #expect(batch[0].ids.prefix(12).allSatisfy { $0 == 9 })
        #expect(batch[1].overflowing.count == 1)
        #expect(try tokenizer.encode("one two").count == 4)
    }

    @Test func aTextThatTruncationCannotCutIsRefused() throws {
        let tokenizer = try Fixtures.tokenizer("minilm").withoutPadding()
        let second = tokenizer.truncating(Truncation(maximumLength: 5, strategy: .onlySecond))
        #expect(throws: TokenizerError.self) { try second.encode("one two three four five six") }
        #expect(throws: TokenizerError.self) { try second.encode("one two three four five six", pair: "a") }
        let stride = tokenizer.truncating(Truncation(maximumLength: 5, stride: 3))
        #expect(throws: TokenizerError.self) { try stride.encode("one two three four five six") }
    }

    @Test func tokensAreFoundByTheirBytes() throws {
        let tokenizer = try Make.tokenizer([
            "model": #"{"type":"WordLevel","unk_token":"?","vocab":{"?":0,"\u00e9":1,"e\u0301":2}}"#
        ])
        #expect(tokenizer.tokenID(for: "\u{E9}") == 1)
        #expect(tokenizer.tokenID(for: "e\u{301}") == 2)
        #expect(tokenizer.token(for: 2).map { Array($0.utf8) } == Array("e\u{301}".utf8))
        #expect(tokenizer.tokenID(for: "x") == nil)
        #expect(tokenizer.token(for: 99) == nil && tokenizer.token(for: -1) == nil)
        #expect(tokenizer.vocabularySize == 3)
        #expect(tokenizer.identifierLimit == 3)
    }

    @Test func unknownIdentifiersArePassedOverInDecoding() throws {
        let tokenizer = try Make.tokenizer([:])
        #expect(try tokenizer.decode([1, 77, -5, 2]) == "a b")
    }

    @Test func specialTokensComeFromTheFilesBesideIt() throws {
        let added =
            #"[{"id":0,"content":"[UNK]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}]"#
        let tokenizer = try Make.tokenizer(
            ["added_tokens": added],
            files: [
                "tokenizer_config.json":
                    #"{"bos_token":"a","unk_token":{"content":"[UNK]","lstrip":false},"eos_token":null,"model_max_length":1000000000000000019884624838656}"#,
                "special_tokens_map.json": #"{"bos_token":"b","eos_token":"b","pad_token":"missing"}"#,
            ])
        #expect(tokenizer.specialTokens.bos == SpecialTokens.Token(text: "a", id: 1))
        #expect(tokenizer.specialTokens.unk == SpecialTokens.Token(text: "[UNK]", id: 0))
        #expect(tokenizer.specialTokens.eos == SpecialTokens.Token(text: "b", id: 2))
        #expect(tokenizer.specialTokens.pad == nil)
    }

    @Test func streamsGiveOutOnlyCompleteText() throws {
        let tokenizer = try Fixtures.tokenizer("llama3")
        let text = "naïve 漢字 👩‍👧 done"
        let ids = try tokenizer.encode(text, addSpecialTokens: false).ids
        var stream = DecodeStream(tokenizer)
        let parts = try ids.map { try stream.append($0) }
        #expect(!parts.contains { $0.unicodeScalars.contains("\u{FFFD}") })
        #expect(try parts.joined() + stream.finish() == text)
        #expect(parts.contains(""))
    }

    @Test(arguments: ["llama2", "minilm", "t5", "mistral", "gemma"])
    func streamsEqualDecodingAtOnce(family: String) throws {
        let tokenizer = try Fixtures.tokenizer(family).withoutPadding()
        let ids = try tokenizer.encode("The quick brown fox, it's 10 漢 años!", addSpecialTokens: false).ids
        var stream = DecodeStream(tokenizer)
        var text = ""
        for id in ids { text += try stream.append(id) }
        #expect(try text + stream.finish() == tokenizer.decode(ids))
    }

    @Test func anUnfinishedCharacterComesOutAtTheEnd() throws {
        let tokenizer = try Fixtures.tokenizer("llama3")
        var stream = DecodeStream(tokenizer)
        let id = try #require(tokenizer.tokenID(for: "â"))
        #expect(try stream.append(id) == "")
        #expect(try stream.finish() == "\u{FFFD}")
    }
}
