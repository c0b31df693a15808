import Foundation
import JSON
import Torch

/// A numeric case computed by a reference in another language: `case.json` and `tensors.safetensors` in one folder.
public struct GoldenCase {
    /// The folder of the case.
    public let folder: URL
    /// The slug: the method, family or tokenizer that the case is of.
    public let slug: String
    /// The case's own name, its folder's.
    public let name: String
    /// How to read it: `layer`, `trace`, `transform`, `loss`, `optimizer`, `model`, `adapter` or `tokenizer`.
    public let kind: String
    /// The hyperparameters, in the names of the method's card.
    public let config: JSON.Node
    /// Names of the tensors that must come out.
    public let outputs: [String]
    /// Absolute and relative tolerance of an element.
    public let tolerance: (atol: Double, rtol: Double)
    /// The given and the expected tensors; nil when the case has none.
    let tensors: SafetensorsFile?

    /// Reads a case's folder.
    public init(folder: URL) throws {
        let root = try JSON.Node(contentsOf: folder.appendingPathComponent("case.json"))
        self.folder = folder
        slug = try root.field("method").string()
        name = folder.lastPathComponent
        kind = try root.field("kind").string()
        config = try root.field("config")
        outputs = try root.optional("outputs")?.strings() ?? []
        // A case without a tolerance wants equality, as all of tokenizers do.
        let bounds = try root.optional("tolerance")
        tolerance = (try bounds?.field("atol").double() ?? 0, try bounds?.field("rtol").double() ?? 0)
        let file = folder.appendingPathComponent("tensors.safetensors")
        tensors = FileManager.default.fileExists(atPath: file.path) ? try SafetensorsFile(file) : nil
    }

    /// A given or expected tensor.
    public func tensor(_ name: String) throws -> Tensor {
        guard let tensors else { throw TorchError.invalid("case \(slug)/\(self.name) has no tensors.safetensors") }
        return try tensors.tensor(name)
    }

    /// A given tensor, nil when the case has none of this name.
    public func optional(_ name: String) throws -> Tensor? {
        guard let tensors, tensors.names.contains(name) else { return nil }
        return try tensors.tensor(name)
    }

    /// The rest of the names that begin so, in the order of their bytes.
    func names(beginningWith prefix: String) -> [String] {
        (tensors?.names ?? []).filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// Every folder below `root` that holds a `case.json`, in the order of their paths.
    public static func folders(below root: URL) throws -> [URL] {
        let manager = FileManager.default
        if manager.fileExists(atPath: root.appendingPathComponent("case.json").path) { return [root] }
        var isFolder: ObjCBool = false
        guard manager.fileExists(atPath: root.path, isDirectory: &isFolder), isFolder.boolValue else { return [] }
        let names = try manager.contentsOfDirectory(atPath: root.path).sorted()
        return try names.flatMap { try folders(below: root.appendingPathComponent($0)) }
    }
}

/// How one case came out.
public struct CaseResult: Sendable {
    /// The three ways a case can end.
    public enum Status: String, Sendable {
        case pass
        case fail
        case unsupported
    }

    /// The case's slug, name and kind.
    public var slug: String
    /// The case within its slug.
    public var name: String
    /// How it was read.
    public var kind: String
    /// How it ended.
    public var status: Status
    /// The largest error as a share of what the tolerance allows: at most 1 in a case that passes.
    public var maxError: Double
    /// What differed, or why it could not be run.
    public var detail: String

    /// The line that `graft verify --json` prints.
    public var json: JSON {
        [
            "slug": .string(slug), "case": .string(name), "kind": .string(kind), "status": .string(status.rawValue),
            "max_error": maxError.isFinite ? .double(maxError) : .null, "detail": .string(detail),
        ]
    }
}

/// Collects what the real types produced and holds it against what a case expects.
public struct Comparison {
    private let golden: GoldenCase
    private var found: [String: Tensor] = [:]

    /// A comparison for a case.
    public init(_ golden: GoldenCase) {
        self.golden = golden
    }

    /// Notes an output under the case's name for it.
    public mutating func produced(_ name: String, _ tensor: Tensor) {
        found[name] = tensor
    }

    /// The verdict: a pass only when every name in `outputs` was produced and is within the tolerance.
    public func result() throws -> CaseResult {
        var worst = (share: 0.0, detail: "")
        var failures = golden.outputs.isEmpty ? ["the case names no outputs"] : []
        for name in golden.outputs {
            guard let tensor = found[name] else {
                failures.append("\(name) was not produced")
                continue
            }
            let expected = try golden.tensor(name)
            let (shape, wanted) = (try tensor.shape, try expected.shape)
            guard shape == wanted else {
                failures.append("\(name) has shape \(shape), expected \(wanted)")
                continue
            }
            let share = try errorShare(tensor, expected)
            if !(share <= 1) {
                failures.append("\(name) is off by \(String(format: "%.3g", share)) times the tolerance")
            }
            if !(share <= worst.share) { worst = (share, name) }
        }
        let passed = failures.isEmpty
        return CaseResult(
            slug: golden.slug, name: golden.name, kind: golden.kind, status: passed ? .pass : .fail,
            maxError: worst.share,
            detail: passed ? "largest error at \(worst.detail)" : failures.joined(separator: "; "))
    }

    /// The largest |out − expected| / (atol + rtol·|expected|); infinite where NaN meets a number.
    private func errorShare(_ out: Tensor, _ expected: Tensor) throws -> Double {
        guard try expected.count > 0 else { return 0 }
        let (a, b) = (try out.detach().to(.float64), try expected.to(.float64))
        let bothNaN = try a.eq(a).not().and(b.eq(b).not())
        let same = try a.eq(b).or(bothNaN)
        let share = try (a - b).abs() / (b.abs() * golden.tolerance.rtol + golden.tolerance.atol)
        let worst = try share.maskedFill(same, 0).amax().item()
        return worst.isNaN ? .infinity : worst
    }
}
