import Foundation
import JSON
import Tokenizers

/// Replays cases of tokenizers: texts, and exactly what the reference makes of them.
enum TokenizerReplay {
    static func run(_ golden: GoldenCase) throws -> CaseResult {
        var result = CaseResult(
            slug: golden.slug, name: golden.name, kind: golden.kind, status: .pass, maxError: 0, detail: "")
        do {
            switch try TokenizerCase(folder: golden.folder, root: root(golden)).run() {
            case .passed(let texts): result.detail = "\(texts) texts are equal"
            case .failed(let difference):
                (result.status, result.maxError, result.detail) = (.fail, .infinity, difference)
            }
        } catch let error as TokenizerError {
            guard case .unknownComponent = error else { throw error }
            (result.status, result.maxError, result.detail) = (.unsupported, .nan, "\(error)")
        }
        return result
    }

    /// What a case that borrows another's tokenizer names it relative to: its own tree, or the cases that ship.
    private static func root(_ golden: GoldenCase) throws -> URL? {
        guard let borrowed = try golden.config.optional("tokenizer")?.string() else { return nil }
        let own = golden.folder.deletingLastPathComponent().deletingLastPathComponent()
        if FileManager.default.fileExists(atPath: own.appendingPathComponent(borrowed).path) { return own }
        return try Verification.bundledCases("tokenizers")
    }
}
