import Foundation
import Reporting
import Training

/// What `graft train` says at its end.
enum RunOutput {
    static func sections(_ summary: RunSummary) -> [Section] {
        var result = Section(title(summary))
        for metric in summary.metrics { result.add(metric.name, value(metric, summary)) }
        result.add(
            "trainable",
            "\(Quantity.count(summary.trainableParameters)) of \(Quantity.count(summary.totalParameters)) parameters")
        result.add("peak memory", Quantity.bytes(summary.peakMemoryBytes))
        result.add("adapter size", summary.adapterBytes.map(Quantity.bytes))
        var sections = [result]
        if !summary.files.isEmpty {
            var files = Section("Files")
            for file in summary.files { files.add(file.label, file.path) }
            sections.append(files)
        }
        if !summary.nextCommands.isEmpty {
            var next = Section("What to try next")
            for command in summary.nextCommands { next.add(command.purpose, command.command) }
            sections.append(next)
        }
        return sections
    }

    private static func title(_ summary: RunSummary) -> String {
        let steps = "\(Quantity.count(summary.steps)) step\(summary.steps == 1 ? "" : "s")"
        let work = "\(steps) in \(Quantity.duration(summary.seconds))"
        switch summary.outcome {
        case .completed: return "Done: \(work)."
        case .stoppedEarly: return "Done: \(work); ended early because nothing improved further."
        case .interrupted: return "Interrupted after \(work); nothing is lost up to the last checkpoint."
        case .diverged: return "Diverged after \(work)."
        case .failed(let reason): return "Failed after \(work): \(reason)"
        }
    }

    /// A metric beside those of the baselines.
    private static func value(_ metric: MetricValues.Element, _ summary: RunSummary) -> String {
        let others = summary.baselines.compactMap { baseline in
            baseline.metrics[metric.name].map { "\(baseline.name.replacing("_", with: " ")): \(Quantity.number($0))" }
        }
        return Quantity.number(metric.value) + (others.isEmpty ? "" : " (\(others.joined(separator: ", ")))")
    }
}

/// What `graft train --dry-run` says.
enum RunPreview {
    static func sections(_ run: TrainingRun) -> [Section] {
        var forecast = Section("Forecast")
        forecast.notes = run.forecast.table().split(separator: "\n").map(String.init)
        var modules = Section(
            run.adaptedModules.isEmpty
                ? "Adapted modules: none, whole parameters alone"
                : "Adapted modules (\(run.adaptedModules.count))")
        modules.table = Table(rows: grouped(run.adaptedModules).map { [$0.name, "\($0.count)"] }, rightAligned: [1])
        modules.notes = run.warnings.map { "warning: \($0.message)" }
        return [forecast, modules]
    }

    /// Paths that differ only in numbers stand once, as `layer.*.query`.
    private static func grouped(_ paths: [String]) -> [(name: String, count: Int)] {
        var order: [String] = []
        var counts: [String: Int] = [:]
        for path in paths {
            let name = path.split(separator: ".").map { Int($0) == nil ? String($0) : "*" }.joined(separator: ".")
            if counts[name] == nil { order.append(name) }
            counts[name, default: 0] += 1
        }
        return order.map { ($0, counts[$0] ?? 0) }
    }
}
