/// Runs of one task on one checkpoint and one set of training rows: those that can be compared.
public struct ComparisonGroup: Sendable, Hashable {
    /// The task's name.
    public var task: String
    /// The checkpoint as the recipes name it.
    public var model: String
    /// The training rows as the recipes name them.
    public var data: String
    /// The runs in the order of the recipes.
    public var runs: [ComparedRun]
    /// Settings that should be equal and are not, each one sentence.
    public var unequalSettings: [String]

    /// Slugs of the methods that the others are measured by.
    static let lora = "lora"
    static let full = "full"

    /// States a group.
    public init(task: String, model: String, data: String, runs: [ComparedRun], unequalSettings: [String] = []) {
        self.task = task
        self.model = model
        self.data = data
        self.runs = runs
        self.unequalSettings = unequalSettings
    }

    /// The metric that all rows are compared by: the one that most finished runs are judged by.
    public var metric: MainMetric? {
        var counts: [(metric: MainMetric, count: Int)] = []
        for metric in runs.compactMap({ $0.result?.mainMetric }) {
            if let place = counts.firstIndex(where: { $0.metric == metric }) {
                counts[place].count += 1
            } else {
                counts.append((metric, 1))
            }
        }
        // `max` gives the first of several that are used as often.
        return counts.max { $0.count < $1.count }?.metric
    }

    /// The rows that the metrics are of: `test`, `validation` or `test or validation`.
    var split: String {
        let splits = Set(runs.compactMap { $0.result?.split })
        return splits.sorted().joined(separator: " or ")
    }

    /// The group's metric of a run.
    func value(_ run: ComparedRun) -> Double? {
        guard let metric, let value = run.result?.metrics[metric.name], value.isFinite else { return nil }
        return value
    }

    /// The group's metric of a run's linear probe.
    func probe(_ run: ComparedRun) -> Double? {
        guard let metric, let value = run.result?.linearProbe?[metric.name], value.isFinite else { return nil }
        return value
    }

    /// The runs by their metric, best first, then those that have none; otherwise in the order of the recipes.
    var ranked: [ComparedRun] {
        guard let metric else { return runs }
        let order = runs.enumerated().sorted { left, right in
            let (value, other) = (value(left.element) ?? .nan, value(right.element) ?? .nan)
            if metric.prefers(value, over: other) || metric.prefers(other, over: value) {
                return metric.prefers(value, over: other)
            }
            return left.offset < right.offset
        }
        return order.map(\.element)
    }

    /// The run with the best metric.
    public var best: ComparedRun? { best(among: runs) }

    /// The run of a method that the others are measured by: the recipe that is called like the method, else the best.
    /// Variants of LoRA are runs of the same method; a recipe `lora` stands before them.
    func reference(_ method: String) -> ComparedRun? {
        let runs = runs.filter { $0.method == method && value($0) != nil }
        return runs.first { $0.name == method } ?? best(among: runs)
    }

    private func best(among runs: [ComparedRun]) -> ComparedRun? {
        guard let metric else { return nil }
        var best: (run: ComparedRun, value: Double)?
        for run in runs {
            guard let value = value(run) else { continue }
            if best.map({ metric.prefers(value, over: $0.value) }) ?? true { best = (run, value) }
        }
        return best?.run
    }

    /// How far a run's metric is from that of a method's reference; nil for that run itself.
    func difference(_ run: ComparedRun, to method: String) -> Double? {
        guard let reference = reference(method), reference.name != run.name, let value = value(run),
            let other = self.value(reference)
        else { return nil }
        return value - other
    }

    /// What deserves a word before the figures are believed.
    public var warnings: [String] {
        var warnings = unequalSettings
        let metrics = Set(runs.compactMap { $0.result?.mainMetric?.name })
        if metrics.count > 1, let metric {
            warnings.append(
                "the recipes are judged by different metrics (\(metrics.sorted().joined(separator: ", "))); the table "
                    + "compares \(metric.name)")
        }
        let machines = Set(runs.compactMap { $0.result?.environment?.machine })
        if machines.count > 1 {
            warnings.append(
                "times and memory were measured in different places: \(machines.sorted().joined(separator: "; "))")
        }
        return warnings
    }
}

extension RunEnvironment {
    /// What decides how fast a run is, besides the run.
    fileprivate var machine: String {
        "\(cpu), \(threads) thread\(threads == 1 ? "" : "s"), \(engine), graft \(graft)"
    }
}
