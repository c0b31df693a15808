import ArgumentParser
import Foundation
import Golden
import JSON
import Reporting
import Torch
import Verification

/// `graft verify`: replays golden cases on this machine.
struct VerifyCommand: GraftCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Replay golden cases and compare with their references.",
        discussion: """
            Each case was computed by a reference implementation. The command runs it through the code that trains and \
            holds the results against the case's tolerance. The largest error is a share of what is allowed: up to 1 \
            passes. The exit status is 0 only if no case fails.
            """)

    @Option(
        name: .customLong("cases"), help: "A folder of cases, at any depth. Without it, the cases that ship with graft."
    )
    var cases: [String] = []

    @Flag(help: "Print one JSON object per case.")
    var json = false

    @Argument(help: "Only cases of these methods, families or tokenizers.")
    var slugs: [String] = []

    @OptionGroup var common: CommonOptions

    func run() async throws {
        let roots = try cases.isEmpty ? [Verification.bundledCases()] : cases.map { URL(fileURLWithPath: $0) }
        let selected = try Verification.cases(below: roots, slugs: slugs)
        let width = (
            slug: selected.map(\.slug.count).max() ?? 0, name: selected.map(\.name.count).max() ?? 0
        )
        // Cases are tiny: one thread runs them many times faster than several that wait for each other.
        try Engine.setThreadCount(1)
        var counts: [CaseResult.Status: Int] = [:]
        for location in selected {
            let result = Verification.run(location.folder)
            counts[result.status, default: 0] += 1
            try Console.print(json ? result.json.serialized() : line(result, width))
        }
        func count(_ status: CaseResult.Status) -> Int { counts[status] ?? 0 }
        if !json {
            try Console.print(
                "\(count(.pass)) passed, \(count(.fail)) failed, \(count(.unsupported)) unsupported")
        }
        if count(.fail) > 0 { throw ExitCode.failure }
    }

    private func line(_ result: CaseResult, _ width: (slug: Int, name: Int)) -> String {
        let error = result.maxError.isFinite ? Quantity.number(result.maxError, digits: 3) : "-"
        let cells = [
            result.slug.oneLine.padded(to: width.slug), result.name.oneLine.padded(to: width.name),
            result.kind.oneLine.padded(to: "transform".count),
            result.status.rawValue.padded(to: "unsupported".count),
            String(repeating: " ", count: max(0, 8 - error.count)) + error,
        ]
        let detail = result.status == .pass ? "" : "  " + result.detail.shortened(to: 160).oneLine
        return cells.joined(separator: "  ") + detail
    }
}

extension String {
    /// Filled up with spaces.
    func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}
