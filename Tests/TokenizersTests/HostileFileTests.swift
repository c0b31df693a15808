import Foundation
import JSON
import Testing

@testable import Tokenizers

/// Files that are wrong give an error that says where, and never a crash.
@Suite struct HostileFileTests {
    @Test(arguments: [
        ("model", #"{"type":"Markov","vocab":{}}"#, "Markov"),
        ("normalizer", #"{"type":"Rot13"}"#, "Rot13"),
        ("normalizer", #"{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Rot13"}]}"#, "normalizers[1]"),
        ("pre_tokenizer", #"{"type":"Jieba"}"#, "Jieba"), ("post_processor", #"{"type":"X"}"#, "X"),
        ("decoder", #"{"type":"Y"}"#, "Y"),
        ("pre_tokenizer", #"{"type":"Split","pattern":{"Regex":"("},"behavior":"Isolated","invert":false}"#, "pattern"),
        (
            "pre_tokenizer", #"{"type":"Split","pattern":{"String":"a"},"behavior":"Dropped","invert":false}"#,
            "behavior"
        ),
        ("pre_tokenizer", #"{"type":"Metaspace","replacement":"ab"}"#, "replacement"),
        ("pre_tokenizer", #"{"type":"FixedLength","length":0}"#, "length"),
        ("model", "null", "model"), ("model", "{}", "vocab"),
        ("model", #"{"type":"WordLevel","unk_token":"a","vocab":{"a":-1}}"#, "vocab"),
        ("model", #"{"type":"WordLevel","unk_token":"a","vocab":{"a":1.5}}"#, "vocab"),
        ("model", #"{"type":"WordLevel","unk_token":"a","vocab":{"a":99999999999}}"#, "vocab"),
        ("model", #"{"type":"BPE","vocab":{"a":0},"merges":["a b"]}"#, "merges[0]"),
        ("model", #"{"type":"BPE","vocab":{"a":0,"b":1},"merges":[["a","b"]]}"#, "\"ab\""),
        ("model", #"{"type":"BPE","vocab":{"a":0},"merges":["a"]}"#, "merges[0]"),
        ("model", #"{"type":"BPE","vocab":{"a":0}}"#, "merges"),
        ("model", #"{"type":"BPE","vocab":{"a":0},"merges":[],"dropout":0.1}"#, "dropout"),
        ("model", #"{"type":"Unigram","vocab":[["a",0]],"unk_id":1}"#, "unk_id"),
        ("model", #"{"type":"Unigram","vocab":[],"unk_id":0}"#, "vocabulary"),
        ("model", #"{"type":"Unigram","vocab":[["a"]],"unk_id":0}"#, "vocab[0]"),
        ("normalizer", #"{"type":"Precompiled","precompiled_charsmap":"!!"}"#, "precompiled_charsmap"),
        ("normalizer", #"{"type":"Precompiled","precompiled_charsmap":"/////w=="}"#, "precompiled_charsmap"),
        (
            "post_processor",
            #"{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x","type_id":0}}],"pair":[],"special_tokens":{}}"#,
            "x"
        ),
        (
            "post_processor",
            #"{"type":"TemplateProcessing","single":[{"Sequence":{"id":"B","type_id":0}}],"pair":[],"special_tokens":{}}"#,
            "post_processor"
        ),
        ("post_processor", #"{"type":"BertProcessing","sep":["a"],"cls":["b",1]}"#, "sep"),
        (
            "padding",
            #"{"strategy":{"Fixed":99999999999},"direction":"Right","pad_to_multiple_of":null,"pad_id":0,"pad_type_id":0,"pad_token":"a"}"#,
            "Fixed"
        ),
        ("truncation", #"{"max_length":-1,"strategy":"LongestFirst","stride":0}"#, "max_length"),
        ("added_tokens", #"[{"id":-1,"content":"a"}]"#, "added_tokens[0].id"),
        ("added_tokens", #"[{"id":0,"content":"a"}]"#, "single_word"), ("version", "\"2.0\"", "version"),
    ]) func saysWhatIsWrong(section: String, value: String, word: String) {
        do {
            _ = try Make.tokenizer([section: value])
            Issue.record("\(section) \(value) was accepted")
        } catch {
            #expect("\(error)".contains(word), "\(error)")
            #expect(error is TokenizerError || error is JSONError)
        }
    }

    private static let thousandfold = String(repeating: "xy", count: 5000)

    /// Rules that would make a few bytes of text fill the memory.
    @Test(arguments: [
        ("normalizer", #"{"type":"Replace","pattern":{"String":"a"},"content":"\#(thousandfold)"}"#),
        (
            "normalizer",
            #"{"type":"Sequence","normalizers":[\#(Array(repeating: #"{"type":"Replace","pattern":{"String":"a"},"content":"aaaaaaaa"}"#, count: 40).joined(separator: ","))]}"#
        ),
        (
            "normalizer",
            #"{"type":"Sequence","normalizers":[\#(Array(repeating: #"{"type":"ByteLevel"}"#, count: 60).joined(separator: ","))]}"#
        ),
        ("normalizer", #"{"type":"Prepend","prepend":"\#(String(repeating: thousandfold, count: 10))"}"#),
    ])
    func rulesThatMakeATextAbsurdlyLongEndWithAnError(section: String, value: String) throws {
        let tokenizer = try Make.tokenizer([section: value])
        #expect { _ = try tokenizer.encode("aé aé aé aé aé aé aé aé") } throws: {
            "\($0)".contains("damaged or hostile")
        }
    }

    @Test func aDecoderThatMakesATextAbsurdlyLongEndsWithAnError() throws {
        let tokenizer = try Make.tokenizer([
            "decoder": #"{"type":"Replace","pattern":{"String":"a"},"content":"\#(Self.thousandfold)"}"#
        ])
        #expect(throws: TokenizerError.self) { try tokenizer.decode(Array(repeating: 1, count: 1000)) }
    }

    @Test func aTemplateOfManyTextsOrTokensIsRefused() throws {
        let text = #"{"Sequence":{"id":"A","type_id":0}}"#
        let special = #"{"SpecialToken":{"id":"s","type_id":0}}"#
        let ids = Array(repeating: "0", count: 100).joined(separator: ",")
        let tokens = Array(repeating: #""s""#, count: 100).joined(separator: ",")
        for piece in [text, special] {
            let pieces = Array(repeating: piece, count: 100).joined(separator: ",")
            let template =
                #"{"type":"TemplateProcessing","single":[\#(pieces)],"pair":[],"special_tokens":{"s":{"id":"s","ids":[\#(ids)],"tokens":[\#(tokens)]}}}"#
            #expect(throws: TokenizerError.self) { try Make.tokenizer(["post_processor": template]) }
        }
    }

    @Test func windowsThatOverlapNearlyWholeAreRefused() throws {
        let tokenizer = try Make.tokenizer([
            "pre_tokenizer": #"{"type":"FixedLength","length":1}"#,
            "truncation": #"{"max_length":4000,"strategy":"LongestFirst","stride":3999}"#,
        ])
        #expect {
            _ = try tokenizer.encode(String(repeating: "a", count: 20_000))
        } throws: {
            "\($0)".contains("choose a smaller stride")
        }
    }

    /// What the fuzzer found: a template named a text five times, and the windows of each were combined with all others.
    @Test func windowsOfATextThatIsNamedOftenAreBounded() throws {
        let once = #"{"Sequence":{"id":"A","type_id":0}}"#
        func tokenizer(_ mentions: Int) throws -> Tokenizer {
            let pieces = Array(repeating: once, count: mentions).joined(separator: ",")
            return try Make.tokenizer([
                "pre_tokenizer": #"{"type":"FixedLength","length":1}"#,
                "truncation": #"{"max_length":2,"strategy":"LongestFirst","stride":0}"#,
                "post_processor":
                    #"{"type":"TemplateProcessing","single":[\#(pieces)],"pair":[],"special_tokens":{}}"#,
            ])
        }
        let text = String(repeating: "a", count: 200)
        #expect(try tokenizer(2).encode(text).overflowing.count == 9_999)
        #expect {
            _ = try tokenizer(5).encode(text)
        } throws: {
            "\($0)".contains("name each text once")
        }
    }

    /// What the fuzzer found: every window was filled up to a million tokens.
    @Test func paddingOfManyWindowsIsBounded() throws {
        let tokenizer = try Make.tokenizer([
            "pre_tokenizer": #"{"type":"FixedLength","length":1}"#,
            "truncation": #"{"max_length":2,"strategy":"LongestFirst","stride":0}"#,
            "padding":
                #"{"strategy":{"Fixed":100000},"direction":"Right","pad_to_multiple_of":null,"pad_id":0,"pad_type_id":0,"pad_token":"a"}"#,
        ])
        #expect(try tokenizer.encode("aa").ids.count == 100_000)
        #expect(throws: TokenizerError.self) { try tokenizer.encode(String(repeating: "a", count: 100)) }
        #expect(throws: JSONError.self) {
            try Make.tokenizer([
                "padding":
                    #"{"strategy":"BatchLongest","direction":"Right","pad_to_multiple_of":1048576,"pad_id":0,"pad_type_id":0,"pad_token":"a"}"#
            ])
        }
    }

    @Test func aTokenizerBehindALinkThatLeadsOutOfItsFolderIsRefused() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tokenizer-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let model = folder.appendingPathComponent("model")
        try FileManager.default.createDirectory(at: model, withIntermediateDirectories: true)
        try Data(Make.json([:]).utf8).write(to: folder.appendingPathComponent("secret.json"))
        try FileManager.default.createSymbolicLink(
            atPath: model.appendingPathComponent("tokenizer.json").path, withDestinationPath: "../secret.json")
        #expect { _ = try Tokenizer(contentsOf: model) } throws: { "\($0)".contains("outside of its folder") }
    }

    @Test func aMissingFileIsNamed() {
        let folder = URL(fileURLWithPath: "/nonexistent/model")
        #expect(throws: TokenizerError.missingFile(path: "/nonexistent/model")) { try Tokenizer(contentsOf: folder) }
    }

    @Test func nestingIsBounded() {
        let depth = 2000
        let value =
            String(repeating: #"{"type":"Sequence","normalizers":["#, count: depth)
            + String(repeating: "]}", count: depth)
        #expect(throws: JSONError.self) { try Make.tokenizer(["normalizer": value]) }
    }

    @Test func aWordWithoutTokenOrUnknownTokenIsAnError() throws {
        let models = [
            #"{"type":"WordLevel","unk_token":"?","vocab":{"a":0}}"#,
            ###"{"type":"WordPiece","unk_token":"?","continuing_subword_prefix":"##","max_input_chars_per_word":9,"vocab":{"a":0}}"###,
            #"{"type":"Unigram","vocab":[["a",0]]}"#,
            #"{"type":"BPE","vocab":{"a":0},"merges":[],"unk_token":"?"}"#,
        ]
        for model in models {
            let tokenizer = try Make.tokenizer(["model": model])
            #expect(throws: TokenizerError.self, "\(model)") { try tokenizer.encode("b") }
            #expect(try tokenizer.encode("a").ids == [0])
        }
    }

    @Test func sparseAndHugeIdentifiersWork() throws {
        let tokenizer = try Make.tokenizer([
            "model": #"{"type":"WordLevel","unk_token":"a","vocab":{"a":4294967295,"b":7}}"#
        ])
        #expect(try tokenizer.encode("zz").ids == [4_294_967_295])
        #expect(tokenizer.token(for: 4_294_967_295) == "a")
    }

    /// Random damage to a real file: an error or a tokenizer that encodes, but no crash.
    @Test func damagedFilesDoNotCrash() throws {
        let file = Fixtures.folder.appendingPathComponent("llama2/a/tokenizer/tokenizer.json")
        let bytes = [UInt8](try Data(contentsOf: file)).prefix(4000) + Array("}".utf8)
        var state: UInt64 = 11
        for _ in 0..<200 {
            var damaged = Array(bytes)
            for _ in 0..<4 {
                state = state &* 6_364_136_223_846_793_005 &+ 1
                damaged[Int(state >> 33) % damaged.count] = Array("{}[]\",:0-9e".utf8)[Int(state >> 20) % 11]
            }
            #expect(throws: (any Error).self) { try Pipeline(JSON.Node(JSON.parse(damaged))) }
        }
    }
}
