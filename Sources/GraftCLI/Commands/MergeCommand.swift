import Adapters
import ArgumentParser
import Foundation
import Reporting
import Training

/// `graft merge`: folds an adapter into its base.
struct MergeCommand: GraftCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge", abstract: "Fold an adapter into its checkpoint, with proof.",
        discussion: """
            Writes a checkpoint of its own. Both models are then run on the same inputs; where their outputs differ by \
            more than is allowed nothing is left behind.
            """)

    @Option(help: "The checkpoint folder.", completion: .directory)
    var model: String

    @Option(help: "The adapter folder.", completion: .directory)
    var adapter: String

    @Option(help: "The folder to make.", completion: .directory)
    var output: String

    @Option(
        help:
            "Largest deviation of an output, as a share of the largest output. By default 1e-3 for fp32, 1e-2 for fp16, 5e-2 for bf16."
    )
    var maxDeviation: Double?

    @Option(name: .customLong("task-id"), help: "The task to merge, of an adapter that routes by it.")
    var taskID: Int?

    @Flag(help: "Merge although the adapter was made for other weights.")
    var allowOtherBase = false

    @OptionGroup var common: CommonOptions

    func validate() throws {
        if let maxDeviation, !(maxDeviation >= 0) { throw ValidationError("--max-deviation must not be negative.") }
    }

    func run() async throws {
        var options = Merger.Options()
        options.bound = maxDeviation
        options.allowsOtherBase = allowOtherBase
        options.taskID = taskID
        try EngineSettings.apply(threads: nil, device: .cpu)
        let report = try Merger.merge(
            base: URL(fileURLWithPath: model), adapter: URL(fileURLWithPath: adapter), to: URL(fileURLWithPath: output),
            options: options)
        try Section.print([section(report)])
    }

    private func section(_ report: MergeReport) -> Section {
        func number(_ value: Double) -> String { Quantity.number(value, digits: 3) }
        var section = Section("Merged into \(output)")
        section.add(
            "tensors",
            "\(Quantity.count(report.tensors)), \(Quantity.count(report.changed)) changed, as \(report.dtype)")
        section.add("added", report.added.joined(separator: " "))
        section.add("no longer shared", report.untied.joined(separator: " "))
        section.add(
            "largest deviation",
            "\(number(report.absoluteDeviation)) of outputs up to \(number(report.outputScale)): "
                + "\(number(report.relativeDeviation)), allowed \(number(report.bound)), on \(report.probes) batches")
        section.add("rounding", "up to \(number(report.roundingError)) of a tensor's largest weight")
        section.add("proof", "\(output)/\(MergeReport.fileName)")
        return section
    }
}
