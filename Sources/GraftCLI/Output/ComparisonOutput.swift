import Foundation
import Reporting
import Training

/// Shows a comparison while it goes on: a line for the beginning and the end of each run, and in a terminal one between
/// them that is drawn again as the run goes on.
struct ComparisonDisplay {
    private let terminal = Terminal.standardError()

    func show(_ event: MethodComparison.Event) {
        switch event {
        case .unreadable(let name, let reason, let place, let count):
            Console.complain("\(Self.head(name, place, count)): cannot be read: \(reason.oneLine)")
        case .started(let name, let place, let count):
            if !terminal.isInteractive { Console.complain("\(Self.head(name, place, count)): begins") }
        case .progress(let name, let place, let count, let line):
            guard terminal.isInteractive else { return }
            let text = "\(Self.head(name, place, count)): \(line.oneLine)".prefix(max(terminal.columns - 1, 0))
            Console.complain("\r\u{1B}[K\(text)", terminator: "")
        case .ended(let run, let place, let count, let isReused):
            let line = "\(Self.head(run.name, place, count)): \(Self.outcome(run))\(isReused ? ", kept" : "")".oneLine
            Console.complain(terminal.isInteractive ? "\r\u{1B}[K\(line)" : line)
        }
    }

    private static func head(_ name: String, _ place: Int, _ count: Int) -> String {
        "[\(place)/\(count)] \(name.oneLine)"
    }

    private static func outcome(_ run: ComparedRun) -> String {
        guard let result = run.result else { return run.statusName + (run.reason.map { ": \($0)" } ?? "") }
        let metric = result.mainMetric.flatMap { main in
            result.metrics[main.name].map { "\(main.name) \(Quantity.number($0)), " }
        }
        return (metric ?? "") + "\(Quantity.count(result.steps)) steps in \(Quantity.duration(result.trainingSeconds))"
    }
}

/// What `graft compare` says at its end.
enum ComparisonOutput {
    /// Columns that a terminal has room for; the others stand in the files.
    private static let left = ["to full tuning", "share", "steps", "in all", "adapter", "settings"]

    static func sections(_ report: ComparisonReport, folder: String) -> [Section] {
        var sections = report.groups.map { group(ComparisonTable($0), $0) }
        if !report.unreadable.isEmpty {
            var section = Section("Recipes that could not be read")
            for recipe in report.unreadable { section.add(recipe.name, recipe.reason) }
            sections.append(section)
        }
        var files = Section(report.sentence)
        for name in ComparisonReport.fileNames.reversed() {
            files.add(URL(fileURLWithPath: name).pathExtension, "\(folder)/\(name)")
        }
        return sections + [files]
    }

    private static func group(_ table: ComparisonTable, _ group: ComparisonGroup) -> Section {
        let columns = table.columns.indices.filter { !left.contains(table.columns[$0].title) }
        var section = Section("\(group.task), \(group.model) on \(group.data)")
        section.table = Table(
            head: columns.map { table.columns[$0].title },
            rows: table.rows.map { row in columns.map { row.cells[$0] } },
            rightAligned: Set(columns.indices.filter { !table.columns[columns[$0]].isText }))
        section.notes =
            group.warnings.map { "warning: \($0)" }
            + table.rows.filter { !$0.remarks.isEmpty }.map { "\($0.run.name): \($0.remarks.joined(separator: "; "))" }
        return section
    }
}
