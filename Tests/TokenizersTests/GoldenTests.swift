import Foundation
import Testing
import Tokenizers

@Suite struct GoldenTests {
    /// Every case of the fixtures equals the reference in all that is compared.
    @Test(arguments: Fixtures.cases) func equalsTheReference(name: String) throws {
        let outcome = try TokenizerCase(folder: Fixtures.folder.appendingPathComponent(name)).run()
        guard case .passed(let texts) = outcome else {
            Issue.record("\(name): \(outcome)")
            return
        }
        #expect(texts > 50)
    }

    @Test func allFamiliesAreThere() {
        #expect(Fixtures.cases.count == 28)
    }
}

/// Where the golden cases are.
enum Fixtures {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Sources/Verification/Cases/tokenizers")

    /// `family/case` of every case.
    static let cases: [String] = {
        let families = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return families.filter { !$0.hasSuffix(".md") }.sorted().flatMap { family in
            let cases =
                (try? FileManager.default.contentsOfDirectory(
                    atPath: folder.appendingPathComponent(family).path)) ?? []
            return cases.sorted().map { "\(family)/\($0)" }
        }
    }()

    /// The tokenizer of a family's case.
    static func tokenizer(_ family: String) throws -> Tokenizer {
        try Tokenizer(contentsOf: folder.appendingPathComponent("\(family)/a/tokenizer"))
    }
}
