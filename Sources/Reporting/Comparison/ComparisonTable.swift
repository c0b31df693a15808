/// The table of a group: the same cells on a page, in a text and in a terminal.
public struct ComparisonTable: Sendable, Hashable {
    /// A column's title and how its cells stand.
    public struct Column: Sendable, Hashable {
        /// The title.
        public var title: String
        /// Whether its cells are words and not numbers.
        public var isText = false
    }

    /// A row: its run and one cell for each column; empty where the run has no such figure.
    public struct Row: Sendable, Hashable {
        /// The run.
        public var run: ComparedRun
        /// The cells.
        public var cells: [String]
        /// Where it wins and loses, and what else there is to know of it.
        public var remarks: [String]
    }

    /// The columns that have a cell in any row.
    public let columns: [Column]
    /// The runs, best first; those without the metric at the end.
    public let rows: [Row]

    /// Lays out a group.
    public init(_ group: ComparisonGroup) {
        let columns = Self.allColumns(group)
        let runs = group.ranked
        let cells = runs.map { run in columns.map { $0.cell(run) } }
        // Recipe and method stay, whatever the figures.
        let used = columns.indices.filter { column in column < 2 || cells.contains { !$0[column].isEmpty } }
        self.columns = used.map { columns[$0].column }
        let fronts = ComparisonGroup.Cost.allCases.map { (word: $0.word, names: group.front($0)) }
        rows = zip(runs, cells).map { run, cells in
            Row(run: run, cells: used.map { cells[$0] }, remarks: Self.remarks(on: run, of: group, fronts))
        }
    }

    private static func remarks(
        on run: ComparedRun, of group: ComparisonGroup, _ fronts: [(word: String, names: [String])]
    ) -> [String] {
        guard run.result != nil else { return [run.statusName + (run.reason.map { ": \($0)" } ?? "")] + run.notes }
        // Alone, a run is the best for anything.
        let hasRivals = group.runs.contains { $0.name != run.name && group.value($0) != nil }
        let costs = fronts.filter { hasRivals && $0.names.contains(run.name) }.map(\.word)
        let praise = costs.isEmpty ? [] : ["best for its \(costs.joined(separator: ", "))"]
        return praise + group.verdicts(run) + run.notes
    }

    private struct Source {
        var column: Column
        var cell: (ComparedRun) -> String

        init(_ title: String, isText: Bool = false, _ cell: @escaping (ComparedRun) -> String?) {
            column = Column(title: title, isText: isText)
            self.cell = { cell($0) ?? "" }
        }
    }

    private static func allColumns(_ group: ComparisonGroup) -> [Source] {
        let metric = group.metric?.name.inWords ?? "metric"
        let title = group.split.isEmpty ? metric : "\(metric) on \(group.split)"
        return [
            Source("recipe", isText: true) { $0.name },
            Source("method", isText: true) { $0.method },
            Source(title) { group.value($0).map(Self.number) },
            Source("to LoRA") { group.difference($0, to: ComparisonGroup.lora).map(Self.signed) },
            Source("to full tuning") { group.difference($0, to: ComparisonGroup.full).map(Self.signed) },
            Source("linear probe") { group.probe($0).map(Self.number) },
            Source("trainable") { $0.result.map { Quantity.count($0.trainableParameters) } },
            Source("share") { $0.result.map { Quantity.percent($0.trainableShare) } },
            Source("steps") { $0.result.map { Quantity.count($0.steps) } },
            Source("training") { $0.result.map { Quantity.duration($0.trainingSeconds) } },
            Source("per step") { $0.result.map { Quantity.duration($0.stepSeconds) } },
            Source("in all") { $0.result?.processSeconds.map(Quantity.duration) },
            Source("peak memory") { $0.result.map { Quantity.bytes($0.peakMemoryBytes) } },
            Source("adapter") { $0.result?.adapterBytes.map(Quantity.bytes) },
            Source("settings", isText: true) { $0.settingsDigest.map(Self.short) },
        ]
    }

    /// A metric with as many decimals as its neighbours above and below.
    private static func number(_ value: Double) -> String {
        (0.001..<1000).contains(abs(value)) ? Quantity.fixed(value, decimals: 4) : Quantity.number(value)
    }

    private static func signed(_ value: Double) -> String {
        value == 0 ? "0" : (value > 0 ? "+" : "−") + number(abs(value))
    }

    /// The beginning of a digest, without the name of its kind.
    static func short(_ digest: String) -> String {
        String((digest.split(separator: ":").last ?? "").prefix(12))
    }

    /// What the columns say, for those who read the table alone.
    static let legend = [
        "The differences are to the recipes called lora and full, or without them to the best run of these methods.",
        "“Training” is the time of all optimizer steps, “per step” their median, “in all” the whole process with set-up, "
            + "calibration and evaluation; memory is the process's peak, evaluation included.",
        "“Best for its parameters” (or time, or memory) means that no other run does better at no higher cost: the Pareto front.",
        "“Within chance” is a difference of accuracies below two standard errors. Every run is one seed.",
    ]
}
