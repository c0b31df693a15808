import Files
import Foundation
import Reporting

/// Explains the folder of a training run.
enum RunInspection {
    static func sections(_ url: URL) throws -> [Section] {
        let folder = RunFolder(url)
        let (description, environment) = try folder.readDescription()
        let summary = try folder.readSummary()
        var section = Section("Run \(url.path)")
        section.add("model", description.model)
        section.add("method", description.method)
        section.add("task", description.task)
        section.add("outcome", summary.map(outcome) ?? "not finished")
        section.add("started", environment?.startedAt)
        section.add("engine", environment?.engine)
        section.add("processor", environment?.cpu)
        section.add(
            "trainable",
            "\(Quantity.count(description.trainableParameters)) of \(Quantity.count(description.totalParameters)) "
                + "parameters (\(Quantity.percent(description.trainableShare)))")
        section.add("seed", "\(description.seed)")
        if let summary {
            section.add("steps", "\(Quantity.count(summary.steps)) of \(Quantity.count(description.totalSteps))")
            section.add("time", Quantity.duration(summary.seconds))
            section.add("peak memory", Quantity.bytes(summary.peakMemoryBytes))
            section.add("best step", summary.bestStep.map(Quantity.count))
            for metric in summary.metrics { section.add(metric.name, Quantity.number(metric.value)) }
            for baseline in summary.baselines {
                for metric in baseline.metrics {
                    section.add("\(baseline.name) \(metric.name)", Quantity.number(metric.value))
                }
            }
        }
        section.add("checkpoints", try checkpoints(url))
        section.notes = (summary?.nextCommands ?? []).map { "\($0.purpose): \($0.command)" }
        return try [section] + [history(folder)].compactMap { $0 } + [configuration(folder)].compactMap { $0 }
    }

    private static func outcome(_ summary: RunSummary) -> String {
        if case .failed(let reason) = summary.outcome { return "\(summary.outcome.name): \(reason)" }
        return summary.outcome.name
    }

    private static func checkpoints(_ url: URL) throws -> String? {
        let names = try FolderListing.names(in: url)
        let steps = names.compactMap { name in
            name.hasPrefix("checkpoint-") ? Int(name.dropFirst("checkpoint-".count)) : nil
        }
        return steps.isEmpty ? "none" : steps.sorted().map { "checkpoint-\($0)" }.joined(separator: " ")
    }

    /// The evaluations, which are few, with the loss of the last step before each.
    private static func history(_ folder: RunFolder) throws -> Section? {
        guard FileManager.default.fileExists(atPath: folder.metricsFile.path) else { return nil }
        var section = Section("Evaluations")
        var names: [String] = []
        var rows: [(split: String, step: Int, loss: Double?, metrics: MetricValues)] = []
        var loss: Double?
        var warnings: [String] = []
        try MetricsLog.read(folder.metricsFile) { event in
            switch event {
            case .step(let record): loss = record.loss
            case .evaluation(let record):
                for metric in record.metrics where !names.contains(metric.name) { names.append(metric.name) }
                rows.append((record.split, record.step, loss, record.metrics))
            case .warning(let warning): warnings.append("warning: \(warning.message)")
            default: break
            }
        }
        section.table = Table(
            head: ["STEP", "SPLIT", "TRAINING LOSS"] + names.map { $0.uppercased() },
            rows: rows.map { row in
                ["\(row.step)", row.split, row.loss.map { Quantity.number($0) } ?? "-"]
                    + names.map { row.metrics[$0].map { Quantity.number($0) } ?? "-" }
            },
            rightAligned: Set([0, 2] + names.indices.map { $0 + 3 }))
        section.notes = warnings
        return rows.isEmpty && warnings.isEmpty ? nil : section
    }

    private static func configuration(_ folder: RunFolder) -> Section? {
        guard let text = folder.readConfiguration() else { return nil }
        var section = Section("Configuration \(folder.configurationFile.path)")
        section.notes = text.split(separator: "\n").prefix(200).map(String.init)
        return section
    }
}
