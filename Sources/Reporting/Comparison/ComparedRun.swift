/// One run of a comparison, whatever became of it.
public struct ComparedRun: Sendable, Hashable {
    /// What became of a run.
    public enum Status: Sendable, Hashable {
        /// It ended with an adapter and its figures.
        case finished(ComparedResult)
        /// It ended with an error; its sentence.
        case failed(String)
        /// It was not started, because its forecast exceeds the budget; how.
        case overBudget(String)
        /// It was asked to stop before its end.
        case interrupted
        /// The comparison ended before its turn, or has not come to it yet.
        case notRun
    }

    /// The recipe's name.
    public var name: String
    /// The method's slug; empty where the recipe could not be read.
    public var method: String
    /// The run's folder, relative to the comparison's.
    public var folder: String
    /// Digest of all settings, of the checkpoint and of the data; nil where they could not be read.
    public var settingsDigest: String?
    /// What the recipe sets otherwise than the defaults, conditions that all recipes share aside: `r 8` for example.
    public var choices: [String]
    /// What became of it.
    public var status: Status
    /// What a reader must know about the figures: that the run took more than the budget, for instance.
    public var notes: [String] = []

    /// States a run.
    public init(
        name: String, method: String, folder: String, settingsDigest: String? = nil, choices: [String] = [],
        status: Status
    ) {
        self.name = name
        self.method = method
        self.folder = folder
        self.settingsDigest = settingsDigest
        self.choices = choices
        self.status = status
    }

    /// The figures of a finished run.
    public var result: ComparedResult? {
        if case .finished(let result) = status { result } else { nil }
    }

    /// The status in a word or two.
    public var statusName: String {
        switch status {
        case .finished: "finished"
        case .failed: "failed"
        case .overBudget: "over budget"
        case .interrupted: "interrupted"
        case .notRun: "not run"
        }
    }

    /// Why there are no figures.
    public var reason: String? {
        switch status {
        case .failed(let reason), .overBudget(let reason): reason
        case .finished, .interrupted, .notRun: nil
        }
    }
}
