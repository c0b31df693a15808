import Foundation
import Testing

@testable import Torch

/// Files that must be refused, each with the words that its error must have.
struct HostileFile: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let bytes: [UInt8]
    let words: String

    init(_ name: String, _ bytes: [UInt8], says words: String) {
        testDescription = name
        self.bytes = bytes
        self.words = words
    }

    /// A file with one entry `a`.
    init(
        _ name: String, dtype: String = "U8", shape: String = "[4]", offsets: String = "[0,4]", data: Int = 4,
        more: String = "", says words: String
    ) {
        let entry = #"{"a":{"dtype":"\#(dtype)","shape":\#(shape),"data_offsets":\#(offsets)}\#(more)}"#
        self.init(name, SafetensorsFixture.bytes(entry, data: data), says: words)
    }
}

@Suite struct SafetensorsHostileTests {
    static let frames: [HostileFile] = [
        HostileFile("empty file", [], says: "it has 0 bytes"),
        HostileFile("seven bytes", [1, 2, 3, 4, 5, 6, 7], says: "it has 7 bytes"),
        HostileFile("header length zero", SafetensorsFixture.bytes(""), says: "does not begin with \"{\""),
        HostileFile(
            "header too large", SafetensorsFixture.bytes("{}", length: 100_000_001),
            says: "more than the format's limit"),
        HostileFile("header length negative", SafetensorsFixture.bytes("{}", length: .max), says: "the format's limit"),
        HostileFile("header beyond the file", SafetensorsFixture.bytes("{}", length: 3), says: "only 2 follow"),
        HostileFile("not UTF-8", SafetensorsFixture.bytes([0x7B, 0x22, 0xFF, 0x22]), says: "not valid UTF-8"),
        HostileFile("invalid JSON", SafetensorsFixture.bytes(#"{"a": }"#), says: "expected a value"),
        HostileFile("not an object", SafetensorsFixture.bytes("[]"), says: "does not begin with \"{\""),
        HostileFile("space before", SafetensorsFixture.bytes(" {}"), says: "does not begin with \"{\""),
        HostileFile("text after", SafetensorsFixture.bytes("{} x"), says: "the end of the text"),
        HostileFile("zeros after", SafetensorsFixture.bytes("{}\0\0"), says: "the end of the text"),
        HostileFile(
            "deep nesting", SafetensorsFixture.bytes(#"{"a":"# + String(repeating: "[", count: 100_000)),
            says: "nesting"),
        HostileFile("trailing bytes", data: 5, says: "1 bytes at its end belong to no tensor"),
        HostileFile("data without tensors", SafetensorsFixture.bytes("{}", data: 1), says: "belong to no tensor"),
        HostileFile("data cut short", data: 3, says: "the file is cut short"),
        HostileFile("data missing", data: 0, says: "the file is cut short"),
    ]

    static let entries: [HostileFile] = [
        HostileFile(
            "duplicate keys", more: #","a":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}"#, says: "appears twice"),
        HostileFile(
            "overlap", data: 6, more: #","b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}"#,
            says: "\"b\" overlaps the tensor \"a\""),
        HostileFile(
            "same place", more: #","b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}"#, says: "overlaps the tensor"),
        HostileFile(
            "empty inside another", more: #","b":{"dtype":"U8","shape":[0],"data_offsets":[2,2]}"#,
            says: "overlaps the tensor"),
        HostileFile("hole at the start", offsets: "[1,5]", data: 5, says: "begins 1 bytes after"),
        HostileFile(
            "hole between", data: 9, more: #","b":{"dtype":"U8","shape":[4],"data_offsets":[5,9]}"#,
            says: "\"b\" begins 1 bytes after"),
        HostileFile("beyond the end", offsets: "[4,8]", data: 4, says: "ends at byte 8 of the data"),
        HostileFile("begin after end", offsets: "[4,0]", says: "before it begins"),
        HostileFile("negative offset", offsets: "[-4,0]", says: "data_offsets[0]"),
        HostileFile("huge offset", offsets: "[0,18446744073709551616]", says: "data_offsets[1]"),
        HostileFile("offset with a fraction", offsets: "[0,4.0]", says: "data_offsets[1]"),
        HostileFile("one offset", offsets: "[0]", says: "1 data offsets instead of 2"),
        HostileFile("three offsets", offsets: "[0,4,8]", says: "3 data offsets instead of 2"),
        HostileFile("negative size", shape: "[-4]", says: "shape[0]"),
        HostileFile("two negative sizes", shape: "[-2,-2]", says: "shape[0]"),
        HostileFile("size as text", shape: "[\"4\"]", says: "expected an integer"),
        HostileFile("size null", shape: "null", says: "expected an array"),
        HostileFile("too few bytes", shape: "[5]", says: "needs 5 bytes"),
        HostileFile("too many bytes for the type", dtype: "F32", shape: "[4]", says: "needs 16 bytes"),
        HostileFile("product overflow", shape: "[4294967296,4294967296]", says: "fits 63 bits"),
        HostileFile("product overflow to a small number", shape: "[4611686018427387905,4]", says: "fits 63 bits"),
        HostileFile("bytes overflow", dtype: "F64", shape: "[2305843009213693952]", says: "fits 63 bits"),
        HostileFile(
            "beside zero", shape: "[0,9223372036854775807,8]", offsets: "[0,0]", data: 0, says: "fits 63 bits"),
        HostileFile("half a byte", dtype: "F4", shape: "[1]", offsets: "[0,1]", data: 1, says: "whole number"),
        HostileFile(
            "65 dimensions", shape: "[4" + String(repeating: ",1", count: 64) + "]", says: "more than 64 elements"),
        HostileFile("unknown type", dtype: "F31", says: "unknown element type \"F31\""),
        HostileFile("type in lower case", dtype: "u8", says: "unknown element type"),
        HostileFile(
            "unknown key",
            SafetensorsFixture.bytes(#"{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"strides":[1]}}"#),
            says: "unknown key \"strides\""),
        HostileFile(
            "no type", SafetensorsFixture.bytes(#"{"a":{"shape":[0],"data_offsets":[0,0]}}"#), says: "\"dtype\""),
        HostileFile("no entry", SafetensorsFixture.bytes(#"{"a":4}"#), says: "expected an object"),
        HostileFile(
            "metadata no object", SafetensorsFixture.bytes(#"{"__metadata__":[]}"#), says: "metadata is an array"),
        HostileFile(
            "metadata number", SafetensorsFixture.bytes(#"{"__metadata__":{"a":1}}"#), says: "a number for \"a\""),
        HostileFile(
            "metadata in two Unicode forms",
            SafetensorsFixture.bytes("{\"__metadata__\":{\"caf\u{E9}\":\"\",\"cafe\u{301}\":\"\"}}"),
            says: "two Unicode forms"),
    ]

    @Test(arguments: frames + entries)
    func isRefusedWithOneSentence(_ hostile: HostileFile) throws {
        let folder = try SafetensorsFolder()
        let url = try folder.file(hostile.bytes)
        for open in [{ _ = try SafetensorsHeader(reading: url) }, { _ = try SafetensorsFile(url) }] {
            #expect {
                try open()
            } throws: { error in
                guard error is SafetensorsError else { return false }
                let text = "\(error)"
                return text.contains(hostile.words) && text.contains("model.safetensors") && text.utf8.count < 1000
            }
        }
    }

    @Test func everyPrefixAndEveryChangedByteOfAHeaderIsReadOrRefused() throws {
        let folder = try SafetensorsFolder()
        let whole = [UInt8](try Data(contentsOf: SafetensorsFixture.url("unreadable.safetensors")))
        for count in whole.indices {
            let url = try folder.file(Array(whole[..<count]))
            #expect(throws: SafetensorsError.self) { try SafetensorsHeader(reading: url) }
        }
        for place in whole.indices {
            var changed = whole
            changed[place] ^= 0x15
            let url = try folder.file(changed)
            do {
                let file = try SafetensorsFile(url)
                for name in file.names { _ = try file.withBytes(of: name) { $0.reduce(0, ^) } }
            } catch is SafetensorsError {
                // Refused, as most are.
            }
        }
    }

    @Test func aBooleanThatIsNeitherIsRefused() throws {
        let folder = try SafetensorsFolder()
        let header = #"{"mask":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]}}"#
        let bytes = SafetensorsFixture.bytes(header) + [0, 1, 2]
        let file = try SafetensorsFile(folder.file(bytes))
        #expect { _ = try file.tensor("mask") } throws: {
            "\($0)".contains("\"mask\" is of type BOOL but holds the byte 2")
        }
    }

    @Test func namesFromFilesCannotSteerATerminal() throws {
        let folder = try SafetensorsFolder()
        let long = String(repeating: "x", count: 10_000)
        let header = #"{"\u001b[2J\#(long)":{"dtype":"F31","shape":[0],"data_offsets":[0,0]}}"#
        let url = try folder.file(SafetensorsFixture.bytes(header))
        #expect {
            _ = try SafetensorsHeader(reading: url)
        } throws: { error in
            let text = "\(error)"
            return text.contains(#"\u{1b}[2J"#) && !text.contains("\u{1B}") && text.utf8.count < 1000
        }
    }

    @Test func foldersAndMissingFilesAreErrors() throws {
        let folder = try SafetensorsFolder()
        #expect { _ = try SafetensorsFile(folder.url) } throws: { "\($0)".contains("is not a regular file") }
        #expect {
            _ = try SafetensorsFile(folder.url.appendingPathComponent("no.safetensors"))
        } throws: {
            "\($0)".hasSuffix("no.safetensors: No such file or directory")
        }
    }
}
