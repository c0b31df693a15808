import Foundation
import Golden
import JSON
import Tokenizers

/// Replays cases of tokenizers: texts, and exactly what the reference makes of them.
enum TokenizerReplay {
    static func run(_ golden: GoldenCase) throws -> CaseResult {
        var result = CaseResult(
            slug: golden.slug, name: golden.name, kind: golden.kind, status: .pass, maxError: 0, detail: "")
        do {
            switch try TokenizerCase(folder: golden.folder, roots: roots).run() {
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

    /// Where a tokenizer may be that a case borrows: among the cases that ship.
    private static var roots: [URL] {
        guard let bundled = try? Verification.bundledCases("tokenizers") else { return [] }
        return [bundled, bundled.deletingLastPathComponent()]
    }
}
