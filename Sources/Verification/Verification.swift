import Foundation
import Golden
import JSON
import Methods
import Tokenizers
import Torch

/// Replays the cases of one or several slugs that are no method, through the types that do the work.
protocol Replay: Sendable {
    /// The slugs it can replay.
    var slugs: [String] { get }
    /// Runs one case.
    func run(_ golden: GoldenCase) throws -> CaseResult
}

/// Runs golden cases, whatever their kind.
public enum Verification {
    /// What is no method; methods declare their own.
    private static let others: [any Replay] = [
        AlignmentLossesReplay(), ComPEFTReplay(), SkillLocalizationReplay(),
    ]

    /// How the cases of a slug are run; nil where nothing replays it.
    private static func replay(of slug: String) -> ((GoldenCase) throws -> CaseResult)? {
        for method in MethodRegistry.all {
            if let replay = method.replays.first(where: { $0.slugs.contains(slug) }) { return replay.run }
        }
        return others.first { $0.slugs.contains(slug) }.map { $0.run }
    }

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
        } catch let error where isUnsupported(error) {
            return CaseResult(
                slug: golden.slug, name: golden.name, kind: golden.kind, status: .unsupported, maxError: .nan,
                detail: "\(error)")
        } catch {
            return CaseResult(
                slug: golden.slug, name: golden.name, kind: golden.kind, status: .fail, maxError: .infinity,
                detail: "\(error)")
        }
    }

    /// Whether an error says that a case asks for what no replay reads, rather than that something is wrong.
    private static func isUnsupported(_ error: any Error) -> Bool {
        switch error {
        case is GoldenError: true
        case JSONError.missing: true
        default: false
        }
    }

    private static func run(_ golden: GoldenCase) throws -> CaseResult {
        switch golden.kind {
        case "model": return try ModelCase.run(golden)
        case "adapter": return try AdapterCase.run(golden)
        case "tokenizer": return try TokenizerReplay.run(golden)
        default:
            guard let replay = replay(of: golden.slug) else {
                return CaseResult(
                    slug: golden.slug, name: golden.name, kind: golden.kind, status: .unsupported, maxError: .nan,
                    detail: "\(golden.kind) cases of `\(golden.slug)` are not supported yet")
            }
            return try replay(golden)
        }
    }
}
