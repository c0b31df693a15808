import JSON
import Testing

@testable import Datasets

struct DataFileTests {
    @Test func jsonLinesGiveOneRecordPerLineAndSkipBlankOnes() throws {
        let rows = try records(
            "a.jsonl", "{\"text\": \"x\", \"label\": 1}\n\n  \r\n{\"text\": \"y\", \"label\": null}\r\n")
        #expect(rows.map(\.fields) == [["text": "x", "label": 1], ["text": "y", "label": nil]])
        #expect(rows.map(\.location.position) == [.line(1), .line(4)])
    }

    @Test func aFileOfJSONMayHoldOneArrayOrLines() throws {
        #expect(try records("a.jsonl", "[{\"a\": 1}]").map(\.fields) == [["a": 1]])
        let array = try records("a.json", "\u{FEFF}\n [\n{\"a\": 1},\n{\"a\": [2]}]\n")
        #expect(array.map(\.fields) == [["a": 1], ["a": [2]]])
        #expect(array.map { withoutFolder($0.location.description) } == ["a.json, element 1", "a.json, element 2"])
        #expect(try records("a.json", "{\"a\": 1}\n{\"a\": 2}").map(\.fields) == [["a": 1], ["a": 2]])
    }

    @Test(arguments: [
        ("a.jsonl", "{\"a\": 1}\n{\"a\": }", "a.jsonl:2: column 7: expected a value, found \"}\""),
        ("a.jsonl", "{\"a\": 1}\n[1]", "a.jsonl:2: expected an object with the row's columns, found an array"),
        ("a.jsonl", "{\n\"a\": 1}", "a.jsonl:1: column 2: expected"),
        ("a.jsonl", "{\"a\": 1, \"a\": 2}", "a.jsonl:1: column 10: the key \"a\" appears twice"),
        ("a.jsonl", "{\"a\": 1} {\"a\": 2}", "a.jsonl:1: column 10"),
        ("a.json", "[{\"a\": 1},\n 7]", "a.json, element 2: expected an object with the row's columns, found a number"),
        ("a.json", "[{\"a\": 1},\n{]", "a.json:2: column 2: expected"),
        ("a.json", "[]", "a.json: the file holds no rows"),
        ("a.jsonl", "", "a.jsonl: the file holds no rows"), ("a.jsonl", " \n\n", "a.jsonl: the file holds no rows"),
        ("a.csv", "", "a.csv: the file holds no rows"), ("a.csv", "text,label\n", "a.csv: the file holds no rows"),
        ("a.txt", "\n \t\n", "a.txt: the file holds no rows"),
    ])
    func faultsOfContentAreNamedWithTheirPlace(_ name: String, _ text: String, _ sentence: String) {
        #expect(fault(name, text).hasPrefix(sentence), "\(fault(name, text))")
    }

    @Test func aRowOfSeparatorsAloneIsRefused() {
        for row in ["\(String(repeating: ",", count: 20_000))\n1\n", "a\n\(String(repeating: ",", count: 20_000))\n"] {
            #expect(fault("a.csv", row).contains("a row has more than 16384 fields"), "\(fault("a.csv", row))")
        }
    }

    @Test func aJSONArrayBeyondTheLimitIsRefused() {
        let sentence = fault("a.json", "[{\"a\": 1}, {\"a\": 2}]", options: .init(maximumArrayBytes: 10))
        #expect(sentence.contains("write it as JSON Lines"))
    }

    @Test func textFilesHaveOneExamplePerLine() throws {
        let rows = try records("a.txt", "one \n\n  \r\n two\r\n")
        #expect(rows.map(strings) == [["text=one "], ["text= two"]])
        #expect(rows.map(\.location.position) == [.line(1), .line(4)])
    }

    @Test func csvFieldsMayHoldDelimitersQuotesAndLineBreaks() throws {
        let rows = try records("a.csv", "text,label\r\n\"a, \"\"b\"\"\r\nc\n\n\",x\r\n d ,\r\n\n\"\",\"\"\n")
        #expect(
            rows.map(strings) == [
                ["text=a, \"b\"\r\nc\n\n", "label=x"], ["text= d ", "label="], ["text=", "label="],
            ])
        #expect(rows.map(\.location.position) == [.line(2), .line(6), .line(8)])
    }

    @Test func quotationMarksInsideAnUnquotedFieldAreText() throws {
        #expect(try records("a.csv", "t,l\na \"b\" c,1").map(strings) == [["t=a \"b\" c", "l=1"]])
    }

    @Test func tsvFilesAreTheSameWithTabs() throws {
        #expect(try records("a.tsv", "t\tl\na, b\t\"c\td\"\n").map(strings) == [["t=a, b", "l=c\td"]])
        let plain = try records("a.tsv", "t\tl\n\"a\" b\t\"\n", options: .init(quoting: false))
        #expect(plain.map(strings) == [["t=\"a\" b", "l=\""]])
    }

    @Test func namelessColumnsAreNumbered() throws {
        #expect(try records("a.csv", ",t\n0,x\n").map(strings) == [["Unnamed: 0=0", "t=x"]])
    }

    @Test(arguments: [
        ("t,l\na,b,c\n", "a.csv:2: the row has 3 fields, the header 2"),
        ("t,l\na,b\nc\n", "a.csv:3: the row has 1 field,"),
        ("t,l\n\"a\nb,c\n", "a.csv:2: the quotation mark that opens a field here is never closed"),
        ("t,l\n\"a\nb\" x,c\n", "a.csv:3: text follows a closing quotation mark"),
        ("t,t\na,b\n", "a.csv:1: the header names the column \"t\" twice"),
        ("t,l\ra,b\r", "a.csv:1: a carriage return stands alone"),
    ])
    func faultsOfDelimitedFilesAreNamedWithTheirLine(_ text: String, _ sentence: String) {
        #expect(fault("a.csv", text).hasPrefix(sentence), "\(fault("a.csv", text))")
    }

    @Test func aQuotedFieldThatNeverEndsStaysWithinTheLimit() {
        let text = "t,l\n\"" + String(repeating: "x\n", count: 5_000)
        #expect(fault("a.csv", text, options: .init(maximumRowBytes: 1_000)).hasPrefix("a.csv:2: the row is longer"))
    }

    @Test func columnsAreComparedByBytes() throws {
        let rows = try records("a.csv", "caf\u{E9},cafe\u{301}\n1,2\n")
        #expect(try rows[0].text("caf\u{E9}") == "1")
        #expect(try rows[0].text("cafe\u{301}") == "2")
    }
}
