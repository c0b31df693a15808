import Foundation
import JSON
import Tokenizers
import Torch

/// Replays the cases of one or several slugs through the types that training uses.
protocol Replay: Sendable {
    /// The slugs it can replay.
    var slugs: [String] { get }
    /// Runs one case.
    func run(_ golden: GoldenCase) throws -> CaseResult
}

/// Runs golden cases, whatever their kind.
public enum Verification {
    /// A new method adds its line.
    private static let replays: [any Replay] = [
        LoRAReplay(), AlignmentLossesReplay(), ComPEFTReplay(), SkillLocalizationReplay(),
    ]

    /// Runs the case in a folder. What cannot be read is a failed case, so that one broken folder does not end a run.
    public static func run(_ folder: URL) -> CaseResult {
        let golden: GoldenCase
        do {
            golden = try GoldenCase(folder: folder)
        } catch {
            return CaseResult(
                slug: folder.deletingLastPathComponent().lastPathComponent, name: folder.lastPathComponent, kind: "",
                status: .fail, maxError: .infinity, detail: "\(error)")
        }
        do {
            return try run(golden)
        } catch {
            return CaseResult(
                slug: golden.slug, name: golden.name, kind: golden.kind, status: .fail, maxError: .infinity,
                detail: "\(error)")
        }
    }

    private static func run(_ golden: GoldenCase) throws -> CaseResult {
        switch golden.kind {
        case "model": return try ModelCase.run(golden)
        case "adapter": return try AdapterCase.run(golden)
        case "tokenizer": return try TokenizerReplay.run(golden)
        default:
            guard let replay = replays.first(where: { $0.slugs.contains(golden.slug) }) else {
                return CaseResult(
                    slug: golden.slug, name: golden.name, kind: golden.kind, status: .unsupported, maxError: .nan,
                    detail: "\(golden.kind) cases of `\(golden.slug)` are not supported yet")
            }
            return try replay.run(golden)
        }
    }
}
