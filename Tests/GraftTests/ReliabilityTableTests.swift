import Foundation
import Testing

/// `docs/reliability.md` promises by naming tests: they must be there.
@Suite struct ReliabilityTableTests {
    private let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    @Test func everyTestThatTheTablesNameExists() throws {
        let text = try String(contentsOf: package.appendingPathComponent("docs/reliability.md"), encoding: .utf8)
        let rows = text.split(separator: "\n").filter { $0.hasPrefix("| ") && !$0.hasPrefix("| Fault") }
        let sources = try sources()
        var named = 0
        for row in rows {
            let proof = try #require(row.split(separator: "|").last)
            let names = proof.split(separator: "`").enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
            #expect(!names.isEmpty, "no test proves: \(row)")
            for name in names {
                named += 1
                if name.hasPrefix("make ") || name.hasPrefix("Scripts/") { continue }
                let parts = name.split(separator: ".")
                let exists =
                    parts.count == 2
                    && sources.contains {
                        $0.contains("struct \(parts[0]) {") && $0.contains("func \(parts[1])(")
                    }
                #expect(exists, "there is no test \(name)")
            }
        }
        #expect(named > 20)
    }

    /// The texts of all test files.
    private func sources() throws -> [String] {
        let folder = package.appendingPathComponent("Tests")
        return try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".swift") }.map {
            try String(contentsOf: folder.appendingPathComponent($0), encoding: .utf8)
        }
    }
}
