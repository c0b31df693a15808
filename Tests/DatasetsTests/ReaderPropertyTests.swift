import Testing

@testable import Datasets

struct ReaderPropertyTests {
    private static let pieces = [
        "a", "é", "\"", ",", "\n", "\r\n", "\r", " ", "\t", "", "👩‍👩‍👧", "x\"\"y", "\u{301}", "'", "\u{2028}",
    ]

    private func table(seed: Int) -> [[String]] {
        var random = CounterRandom(seed: 11, purpose: "table", step: seed)
        func draw(_ bound: Int) -> Int { Int(random.next(below: UInt64(bound))) }
        let columns = 1 + draw(4)
        return (0..<1 + draw(6)).map { _ in
            (0..<columns).map { _ in (0..<draw(5)).map { _ in Self.pieces[draw(Self.pieces.count)] }.joined() }
        }
    }

    private func written(_ table: [[String]], delimiter: String, lineEnd: String) -> String {
        let header = table[0].indices.map { "c\($0)" }
        return ([header] + table).map { row in
            row.map { "\"\(doubled($0))\"" }.joined(separator: delimiter)
        }.joined(separator: lineEnd)
    }

    /// By scalars: a quotation mark with a combining mark is one `Character`.
    private func doubled(_ text: String) -> String {
        text.unicodeScalars.map { $0 == "\"" ? "\"\"" : String($0) }.joined()
    }

    @Test(arguments: 0..<150)
    func quotedTablesComeBackByteForByte(_ seed: Int) throws {
        let table = table(seed: seed)
        let isTabbed = seed % 2 == 1
        let text = written(table, delimiter: isTabbed ? "\t" : ",", lineEnd: seed % 3 == 0 ? "\r\n" : "\n")
        let rows = try records(isTabbed ? "a.tsv" : "a.csv", text)
        let found = try rows.map { row in try table[0].indices.map { try row.text("c\($0)", allowsEmpty: true) } }
        #expect(found.map { $0.map { Array($0.utf8) } } == table.map { $0.map { Array($0.utf8) } })
    }

    @Test(arguments: ["a.csv", "a.tsv", "a.jsonl", "a.json", "a.txt"])
    func arbitraryBytesGiveRowsOrATypedError(_ name: String) {
        let alphabet = Array("\",\t\r\n {}[]:ab1\\u0".utf8) + [0xEF, 0xBB, 0xBF, 0xC3, 0xA9, 0x00]
        for step in 0..<300 {
            var random = CounterRandom(seed: 12, purpose: name, step: step)
            let count = Int(random.next(below: 60))
            let bytes = (0..<count).map { _ in alphabet[Int(random.next(below: UInt64(alphabet.count)))] }
            #expect(!fault(name, bytes).hasPrefix("another error"))
        }
    }
}
