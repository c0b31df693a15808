import Reporting

/// What every run of a comparison may take. What is nil is not limited.
public struct ComparisonBudget: Sendable, Hashable {
    /// Optimizer steps of every run, whatever its recipe says.
    public var steps: Int?
    /// Seconds of training: a run gets as many steps as fit, by the time that its steps take in a short trial.
    public var seconds: Double?
    /// Runs whose forecast needs more bytes of memory are not started.
    public var memoryBytes: Int?
    /// Runs that would train more parameters are not started.
    public var trainableParameters: Int?

    /// No limit.
    public init() {}

    /// The budget in words, a phrase for each of its parts.
    public var phrases: [String] {
        [
            steps.map { "\(Quantity.count($0)) optimizer step\($0 == 1 ? "" : "s") each" },
            seconds.map { "\(Quantity.duration($0)) of training each" },
            memoryBytes.map { "at most \(Quantity.bytes($0)) of memory" },
            trainableParameters.map { "at most \(Quantity.count($0)) trainable parameters" },
        ].compactMap { $0 }
    }

    func validate() throws {
        if steps != nil, seconds != nil {
            throw TrainingError.option("a budget is one of steps and seconds, not both")
        }
        if let steps, !(1...1_000_000_000).contains(steps) {
            throw TrainingError.option("the budget of \(steps) steps: choose 1 to 1,000,000,000")
        }
        if let seconds, !(seconds > 0 && seconds <= 1e8) {
            throw TrainingError.option("the budget of \(seconds) seconds: choose more than 0 and at most 1e8")
        }
        if let memoryBytes, memoryBytes < 1 {
            throw TrainingError.option("the budget of memory must be at least 1 byte")
        }
        if let trainableParameters, trainableParameters < 0 {
            throw TrainingError.option("the budget of trainable parameters must not be negative")
        }
    }

    /// Whether the budget decides how many steps a run has.
    var setsSteps: Bool { steps != nil || seconds != nil }

    /// Whether a run has to be forecast before it may start.
    var limitsSize: Bool { memoryBytes != nil || trainableParameters != nil }

    /// In what a forecast exceeds the budget; nil where it does not.
    func excess(_ forecast: Forecast) -> String? {
        var parts: [String] = []
        if let memoryBytes, forecast.memoryBytes > memoryBytes {
            parts.append(
                "the forecast peak of \(Quantity.bytes(forecast.memoryBytes)) exceeds the budget of "
                    + Quantity.bytes(memoryBytes))
        }
        if let trainableParameters, forecast.trainableParameters > trainableParameters {
            parts.append(
                "\(Quantity.count(forecast.trainableParameters)) trainable parameters exceed the budget of "
                    + Quantity.count(trainableParameters))
        }
        return parts.isEmpty ? nil : parts.joined(separator: "; ")
    }

    /// What a reader must know where a run took something else than it was given.
    func notes(_ result: ComparedResult) -> [String] {
        var notes: [String] = []
        if let steps, result.steps < steps { notes.append("ended early, after \(Quantity.count(result.steps)) steps") }
        if let seconds {
            let share = result.trainingSeconds / seconds - 1
            // Steps of the trial and of the run differ by a few per cent on any machine.
            if abs(share) >= 0.1 {
                notes.append(
                    "took \(Quantity.duration(result.trainingSeconds)), \(Quantity.percent(abs(share))) "
                        + "\(share > 0 ? "more" : "less") than its time")
            }
        }
        if let memoryBytes, result.peakMemoryBytes > memoryBytes {
            notes.append("needed \(Quantity.bytes(result.peakMemoryBytes)), more than the budget and its forecast")
        }
        if let trainableParameters, result.trainableParameters > trainableParameters {
            notes.append("ended with more trainable parameters than the budget")
        }
        return notes
    }
}
