import Foundation
import JSON
import Tokenizers

/// Replays cases of tokenizers, which hold texts instead of tensors.
enum TokenizerReplay {
    /// The result; nil for a case of another kind.
    static func run(_ folder: URL) throws -> CaseResult? {
        let root = try JSON.Node(contentsOf: folder.appendingPathComponent("case.json"))
        guard try root.field("kind").string() == "tokenizer" else { return nil }
        let bundled = try? Verification.bundledCases("tokenizers")
        let roots = bundled.map { [$0, $0.deletingLastPathComponent()] } ?? []
        var result = CaseResult(
            slug: try root.field("method").string(), name: folder.lastPathComponent, kind: "tokenizer", status: .pass,
            maxError: 0, detail: "")
        switch try TokenizerCase(folder: folder, roots: roots).run() {
        case .passed(let texts): result.detail = "\(texts) texts equal"
        case .failed(let difference): (result.status, result.maxError, result.detail) = (.fail, .infinity, difference)
        }
        return result
    }
}
