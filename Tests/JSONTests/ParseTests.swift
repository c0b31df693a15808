import Foundation
import JSON
import Testing

@Suite struct ParseTests {
    @Test func valuesAreCounted() throws {
        let options = JSON.ParseOptions(maximumValues: 5)
        #expect(try JSON.parse("[0,0,[0]]", options: options) == [0, 0, [0]])
        #expect { _ = try JSON.parse("[0,0,[0,0]]", options: options) } throws: {
            "\($0)".contains("more than 5 values")
        }
        let text = "[" + String(repeating: "0,", count: 1 << 24) + "0]"
        #expect(throws: JSONError.self) { try JSON.parse(text) }
    }

    @Test func aPipeIsRefusedWithoutWaitingForIt() throws {
        let place = FileManager.default.temporaryDirectory.appendingPathComponent("graft-pipe-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: place) }
        #expect(mkfifo(place.path, 0o600) == 0)
        #expect { _ = try JSON.parse(contentsOf: place) } throws: { "\($0)".contains("not a regular file") }
    }

    @Test func messagesAreBoundedWhateverTheKeys() throws {
        let key = String(repeating: "k", count: 1 << 20)
        let node = JSON.Node(.object([key: .string("x")]))
        #expect { _ = try node.field(key).int() } throws: { "\($0)".utf8.count < 5000 }
    }

    @Test func readsEveryKindOfValue() throws {
        let value = try JSON.parse(#" {"a":[1,-2.5e3,true,false,null,"x\n\u00e9\ud83d\ude00"],"b":{}} "#)
        let expected: JSON = ["a": [1, -2500.0, true, false, nil, "x\né😀"], "b": .object([:])]
        #expect(value == expected)
    }

    @Test func keepsTheOrderOfKeys() throws {
        let keys = (0..<50).map { "k\($0 * 7 % 50)" }
        let text = "{" + keys.map { "\"\($0)\":0" }.joined(separator: ",") + "}"
        #expect(try JSON.Node(JSON.parse(text)).object().keys == keys)
    }

    @Test(arguments: [3, 40]) func looksUpKeysByBytesNotByEquivalence(fillers: Int) throws {
        var object = JSON.Object()
        for index in 0..<fillers { object["f\(index)"] = 0 }
        object["\u{E9}"] = 1
        object["e\u{301}"] = 2
        #expect(object["\u{E9}"] == 1)
        #expect(object["e\u{301}"] == 2)
        #expect(object.count == fillers + 2)
    }

    @Test func integersAreExactUpTo64BitsAndDoublesBeyond() throws {
        #expect(try JSON.parse("9223372036854775807") == .int(.max))
        #expect(try JSON.parse("-9223372036854775808") == .int(.min))
        #expect(try JSON.parse("9223372036854775808") == .double(9223372036854775808))
        #expect(try JSON.parse("1000000000000000019884624838656") == .double(1e30))
        #expect(try JSON.parse("-0") == .int(0))
        #expect(try JSON.parse("1.0") == .double(1))
    }

    @Test(arguments: [
        "", " ", "{", "[1,]", "{\"a\":1,}", "{a:1}", "[1 2]", "01", "-", "1.", ".5", "1e", "+1", "tru", "nul",
        "\"a", "\"\\x\"", "\"\\u12g4\"", "\"a\tb\"", "1 2", "[1]]", "NaN", "Infinity", "-Infinity", "1e999",
        "\u{FEFF}1", "'a'", "[1]//x", "{\"a\" 1}", "{\"a\":}", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"",
        "\"\\ud800\\n\"", "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}",
    ]) func refuses(text: String) {
        #expect(throws: JSONError.self) { try JSON.parse(text) }
    }

    @Test(
        arguments: [
            [0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xC3, 0x22],
            [0x22, 0xF5, 0x80, 0x80, 0x80, 0x22], [0x22, 0x5C, 0x6E, 0xE2, 0x82, 0x22],
            [0x22, 0xF4, 0x90, 0x80, 0x80, 0x22],
        ] as [[UInt8]]) func refusesInvalidUTF8(bytes: [UInt8])
    {
        #expect(throws: JSONError.self) { try JSON.parse(bytes) }
    }

    @Test func aRepeatedKeyAmongManyIsRefused() {
        let members = (0..<1000).map { "\"\($0)\":0" } + ["\"500\":1"]
        #expect(throws: JSONError.self) { try JSON.parse("{" + members.joined(separator: ",") + "}") }
    }

    @Test func nestingIsBounded() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        _ = try JSON.parse(nested(128))
        #expect(throws: JSONError.self) { try JSON.parse(nested(129)) }
        #expect(throws: JSONError.self) { try JSON.parse(String(repeating: "[{\"a\":", count: 100_000)) }
        _ = try JSON.parse(nested(300), options: .init(maximumDepth: 300))
    }

    @Test func nonFiniteNumbersAreTakenOnlyOnRequest() throws {
        let options = JSON.ParseOptions(allowsNonFinite: true)
        #expect(
            try JSON.parse("[Infinity,-Infinity,1e999]", options: options)
                == [.double(.infinity), .double(-.infinity), .double(.infinity)])
        guard case .double(let number) = try JSON.parse("NaN", options: options) else {
            Issue.record("not a number")
            return
        }
        #expect(number.isNaN)
    }

    @Test func errorsNameLineColumnAndWhatWasExpected() {
        #expect(
            throws: JSONError.syntax(
                source: "config.json", line: 2, column: 10, problem: "expected \",\" or \"}\", found \"2\"")
        ) { try JSON.parse("{\n  \"é\": 1 2}", source: "config.json") }
        #expect(
            "\(JSONError.syntax(source: "a.json", line: 1, column: 2, problem: "x"))"
                == "a.json: line 1, column 2: x")
    }

    @Test func aMissingFileIsAClearError() {
        let file = URL(fileURLWithPath: "/nonexistent/config.json")
        #expect(throws: JSONError.unreadable(path: "/nonexistent/config.json", reason: "there is no such file")) {
            try JSON.parse(contentsOf: file)
        }
    }
}
