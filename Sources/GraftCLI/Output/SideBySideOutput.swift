import Foundation
import Reporting
import Training

/// What `graft train` shows of several adapters in one run: a line now and then while it goes on, and a table at the end.
struct SideBySideOutput {
    private let names: [String]
    private var losses: [String: Double] = [:]
    private var summaries: [String: RunSummary] = [:]
    private var folders: [String: String] = [:]
    private var totalSteps = 0
    private var shown = ContinuousClock.now

    /// Seconds between two lines of losses.
    private static let interval = 10.0

    /// - Parameter names: of the adapters, in their order.
    init(_ names: [String]) {
        self.names = names
    }

    /// True where an adapter was interrupted.
    var isInterrupted: Bool { summaries.values.contains { $0.outcome == .interrupted } }

    /// Takes up an event and shows what is worth a line.
    mutating func consume(_ event: SideBySideRun.Event) {
        let name = event.adapter
        switch event.event {
        case .started(let description):
            totalSteps = description.totalSteps
            folders[name] = description.outputFolder
            let resumed = description.resumedFromStep > 0 ? ", resumed at step \(description.resumedFromStep)" : ""
            Console.complain(
                "\(name): \(description.method), \(Quantity.count(description.trainableParameters)) trainable "
                    + "parameters\(resumed)")
        case .step(let record):
            losses[name] = record.loss
            let isDue = (ContinuousClock.now - shown) / .seconds(1) >= Self.interval || record.step == totalSteps
            guard isDue, name == names.last(where: { losses[$0] != nil && summaries[$0] == nil }) else { return }
            shown = .now
            let values = names.compactMap { name in losses[name].map { "\(name) \(Quantity.number($0))" } }
            Console.complain("step \(record.step)/\(totalSteps)  loss: \(values.joined(separator: "  "))")
        case .evaluation(let record):
            let split = record.split == "eval" ? "validation" : record.split
            Console.complain("\(name): \(split) at step \(record.step): \(Self.text(record.metrics))")
        case .warning(let warning): Console.complain("\(name): warning: \(warning.message)")
        case .checkpoint: break
        case .finished(let summary):
            summaries[name] = summary
            losses[name] = nil
        }
    }

    private static func text(_ metrics: MetricValues) -> String {
        metrics.map { "\($0.name) \(Quantity.number($0.value))" }.joined(separator: ", ")
    }

    /// The adapters beside one another.
    func sections() -> [Section] {
        let finished = names.compactMap { name in summaries[name].map { (name, $0) } }
        guard let first = finished.first?.1 else { return [] }
        var section = Section("\(finished.count) adapters in \(Quantity.duration(first.seconds)).")
        let metrics = first.metrics.map(\.name)
        var table = Table(
            head: ["ADAPTER", "OUTCOME", "STEPS", "TRAINABLE"] + metrics.map { $0.uppercased() } + ["FOLDER"])
        table.rows = finished.map { name, summary in
            [name, Self.word(summary.outcome), "\(summary.steps)", Quantity.count(summary.trainableParameters)]
                + metrics.map { summary.metrics[$0].map { Quantity.number($0) } ?? "" } + [folders[name] ?? ""]
        }
        section.table = table
        section.add("peak memory", Quantity.bytes(finished.map(\.1.peakMemoryBytes).max() ?? 0))
        return [section]
    }

    private static func word(_ outcome: RunOutcome) -> String {
        switch outcome {
        case .completed: "done"
        case .stoppedEarly: "ended early"
        case .interrupted: "interrupted"
        case .diverged: "diverged"
        case .failed: "failed"
        }
    }

    /// What `--dry-run` says.
    static func preview(_ previews: [SideBySideRun.Preview]) -> [Section] {
        guard let first = previews.first else { return [] }
        var forecast = Section(
            "Forecast of \(first.name) alone; the rows of a batch stand \(previews.count) times in one run")
        forecast.notes = first.forecast.table().split(separator: "\n").map(String.init)
        var adapters = Section("Adapters")
        adapters.table = Table(
            head: ["ADAPTER", "METHOD", "TRAINABLE", "MODULES"],
            rows: previews.map {
                [$0.name, $0.method, Quantity.count($0.trainableParameters), "\($0.adaptedModules.count)"]
            }, rightAligned: [3])
        adapters.notes = previews.flatMap { preview in
            preview.warnings.map { "warning: \(preview.name): \($0.message)" }
        }
        return [forecast, adapters]
    }
}
