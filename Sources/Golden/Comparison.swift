import Foundation
import Torch

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
            guard let expected = try golden.optional(name) else {
                failures.append("\(name) is among the outputs and not in the case's file")
                continue
            }
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
        let unread = golden.unreadInputs
        if !passed, !unread.isEmpty {
            failures.append("the replay read no \(unread.prefix(6).joined(separator: ", "))")
        }
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
