import Foundation
import Testing

@testable import Datasets

struct LineReaderTests {
    private func lines(_ bytes: [UInt8], maximumLineBytes: Int = 1 << 20) throws -> [String] {
        try withFile("a.txt", bytes) { url in
            let reader = try LineReader(url, maximumLineBytes: maximumLineBytes)
            var lines: [String] = []
            while let line = try reader.next() { lines.append("\(line.number):\(line.text)|\(line.terminator.count)") }
            return lines
        }
    }

    @Test func linesEndWithLFOrCRLFAndTheLastNeedsNoEnd() throws {
        #expect(try lines(Array("a\nb\r\n\r\nd".utf8)) == ["1:a|1", "2:b|2", "3:|2", "4:d|0"])
        #expect(try lines([]) == [])
        #expect(try lines(Array("\n".utf8)) == ["1:|1"])
    }

    @Test func otherLineSeparatorsAreText() throws {
        #expect(try lines(Array("a\u{2028}b\u{85}c\rd\n".utf8)) == ["1:a\u{2028}b\u{85}c\rd|1"])
    }

    @Test func aByteOrderMarkIsDroppedAtTheStartOnly() throws {
        #expect(try lines([0xEF, 0xBB, 0xBF] + Array("a\n\u{FEFF}b".utf8)) == ["1:a|1", "2:\u{FEFF}b|0"])
    }

    @Test func linesAcrossChunksStayWhole() throws {
        let long = String(repeating: "é", count: 300_000)
        #expect(try lines(Array("x\n\(long)\ny".utf8), maximumLineBytes: 600_000) == ["1:x|1", "2:\(long)|1", "3:y|0"])
    }

    @Test func aLineAtTheLimitPassesAndOneBeyondFails() throws {
        #expect(try lines(Array("abcd\nxyzw".utf8), maximumLineBytes: 4) == ["1:abcd|1", "2:xyzw|0"])
        #expect(throws: DatasetError.self) { try lines(Array("abcde".utf8), maximumLineBytes: 4) }
        let sentence = fault(
            "a.txt", "ok\n" + String(repeating: "x", count: 900_000), options: .init(maximumRowBytes: 99))
        #expect(sentence == "a.txt:2: the row is longer than 99 bytes; split it or raise the limit")
    }

    @Test(
        arguments: [
            [0x80], [0xC0, 0x80], [0xC3], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0x80],
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xE2, 0x82], [0xFF],
        ] as [[UInt8]])
    func malformedUTF8IsRefusedWithItsPlace(_ bytes: [UInt8]) {
        let value = String(bytes[0], radix: 16, uppercase: true)
        let sentence = fault("a.txt", Array("fine\nab".utf8) + bytes + Array("\n".utf8))
        #expect(
            sentence
                == "a.txt:2: byte 3 of the line (0x\(value)) is not valid UTF-8; data files must be plain text in UTF-8"
        )
    }

    @Test func wellFormedUTF8OfAllLengthsPasses() throws {
        let text = "a\u{7F}\u{80}\u{7FF}\u{800}\u{D7FF}\u{E000}\u{FFFF}\u{10000}\u{10FFFF}"
        #expect(try lines(Array(text.utf8)) == ["1:\(text)|0"])
    }

    @Test func aNULByteIsRefused() {
        #expect(fault("a.txt", [0x61, 0x00, 0x62]).hasPrefix("a.txt:1: byte 2 of the line is NUL"))
    }

    @Test(
        arguments: [
            ([0xFF, 0xFE, 0x61, 0x00], "UTF-16"), ([0x1F, 0x8B, 0x08], "gzip"), ([0x50, 0x4B, 0x03, 0x04], "zip"),
            ([0x50, 0x41, 0x52, 0x31], "Parquet"), ([0x28, 0xB5, 0x2F, 0xFD], "zstd"),
        ] as [([UInt8], String)])
    func filesOfOtherKindsAreNamed(_ bytes: [UInt8], _ kind: String) {
        #expect(fault("a.csv", bytes).contains(kind))
    }

    @Test func missingFilesAndFoldersAreNamed() {
        let missing = URL(filePath: "/nonexistent-graft/x.csv")
        #expect(
            fault { try DataFile(missing).forEachRecord { _ in } } == "/nonexistent-graft/x.csv: there is no such file")
        let folder = fault {
            try DataFile(FileManager.default.temporaryDirectory, format: .csv).forEachRecord { _ in }
        }
        #expect(folder.hasSuffix("this is a folder; give a data file"))
    }

    @Test func anUnknownEndingIsNamed() {
        #expect(fault { _ = try DataFile(URL(filePath: "data.parquet")) }.contains("names no known format"))
        #expect(fault { _ = try DataFile(URL(filePath: "data")) }.contains("use .jsonl, .json, .csv, .tsv or .txt"))
    }
}
