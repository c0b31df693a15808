import Files
import Foundation

/// Runs of several recipes under one budget, as a table and plots.
public struct ComparisonReport: Sendable, Hashable {
    /// A recipe that could not be read.
    public struct Unreadable: Sendable, Hashable {
        /// The recipe's name.
        public var name: String
        /// The error's sentence.
        public var reason: String

        /// States a recipe and its error.
        public init(name: String, reason: String) {
            self.name = name
            self.reason = reason
        }
    }

    /// The budget in words, a phrase for each of its parts; empty where every recipe keeps its own course.
    public var budget: [String]
    /// The runs by what can be compared, in the order of the recipes.
    public var groups: [ComparisonGroup]
    /// Recipes that could not be read.
    public var unreadable: [Unreadable]
    /// The program's version.
    public var graft: String

    /// States a comparison.
    public init(budget: [String], groups: [ComparisonGroup], unreadable: [Unreadable] = [], graft: String) {
        self.budget = budget
        self.groups = groups
        self.unreadable = unreadable
        self.graft = graft
    }

    /// All runs.
    public var runs: [ComparedRun] { groups.flatMap(\.runs) }

    /// Whether a recipe could not be read or a run failed.
    public var hasFailures: Bool {
        !unreadable.isEmpty
            || runs.contains { run in
                if case .failed = run.status { true } else { false }
            }
    }

    /// Whether runs are missing that the comparison did not come to.
    public var isUnfinished: Bool {
        runs.contains { $0.status == .interrupted || $0.status == .notRun }
    }

    /// Names of the files that `write(to:)` makes.
    public static let fileNames = ["comparison.json", "comparison.md", "comparison.html"]

    /// Writes `comparison.json`, `comparison.md` and `comparison.html` into a folder, each whole or not at all.
    public func write(to folder: URL) throws {
        let texts = [json.serialized(.pretty) + "\n", markdown, html()]
        for (name, text) in zip(Self.fileNames, texts) {
            try AtomicFile.write(Array(text.utf8), to: folder.appendingPathComponent(name))
        }
    }

    /// The comparison in one sentence.
    public var sentence: String {
        let finished = runs.filter { $0.result != nil }
        let methods = Set(finished.map(\.method)).count
        let count = finished.count == 1 ? "One run" : "\(finished.count) runs"
        let subject = "\(count) of \(methods) method\(methods == 1 ? "" : "s")"
        guard groups.count == 1, let group = groups.first, let best = group.best, let metric = group.metric,
            let value = group.value(best)
        else { return finished.isEmpty ? "No run has figures." : "\(subject) on \(groups.count) sets of data." }
        return "\(subject): \(best.name) reaches the best \(metric.name.inWords), \(Quantity.number(value))."
    }
}
