/// What a progress display knows about a run.
public struct ProgressState: Sendable, Hashable {
    /// What the rate counts.
    public enum RateUnit: String, Sendable, Hashable {
        /// Examples per second.
        case examples
        /// Tokens per second.
        case tokens
    }

    /// Optimizer steps taken.
    public private(set) var step = 0
    /// Optimizer steps of the whole run.
    public private(set) var totalSteps = 0
    /// Passes over the training data so far.
    public private(set) var epoch = 0.0
    /// Passes over the training data that the whole run makes.
    public private(set) var epochs = 0.0
    /// The loss, smoothed over about ten steps; the latest loss itself where that is not a number.
    public private(set) var loss: Double?
    /// The latest learning rate.
    public private(set) var learningRate: Double?
    /// The latest resident memory, in bytes.
    public private(set) var memoryBytes = 0
    /// What the rate counts.
    public private(set) var rateUnit: RateUnit

    private var average = ExponentialAverage(span: 10)
    private var recent: [Work] = []
    private var next = 0
    private var stepsTaken = 0
    private var evaluationSeconds = 0.0

    private struct Work: Sendable, Hashable {
        var steps: Int
        var amount: Double
        var seconds: Double
    }

    /// Records over which the rate is measured: enough to even out batches of unequal lengths.
    private static let window = 32

    /// A run of which nothing is known.
    public init(rateUnit: RateUnit = .examples) {
        self.rateUnit = rateUnit
    }

    /// Takes up an event.
    public mutating func apply(_ event: TrainingEvent) {
        switch event {
        case .started(let description):
            self = ProgressState(rateUnit: ["causal-lm", "seq2seq"].contains(description.task) ? .tokens : .examples)
            totalSteps = description.totalSteps
            epochs = description.epochs
            step = description.resumedFromStep
        case .step(let record): apply(record)
        case .evaluation(let record):
            if record.seconds.isFinite { evaluationSeconds += record.seconds }
        case .checkpoint, .warning, .finished: break
        }
    }

    private mutating func apply(_ record: StepRecord) {
        // A record may hold several steps (`logging_steps`).
        let steps = max(1, record.step - step)
        step = record.step
        epoch = record.epoch
        learningRate = record.learningRate
        memoryBytes = record.memoryBytes
        average.add(record.loss)
        loss = record.loss.isFinite ? average.value : record.loss
        stepsTaken += steps
        let work = Work(
            steps: steps, amount: Double(rateUnit == .tokens ? record.tokens : record.examples), seconds: record.seconds
        )
        if recent.count < Self.window {
            recent.append(work)
        } else {
            recent[next] = work
        }
        next = (next + 1) % Self.window
    }

    /// Examples or tokens per second over the latest steps; nil before the first step.
    public var rate: Double? {
        let seconds = recentSeconds
        guard seconds > 0 else { return nil }
        return recent.reduce(0) { $0 + $1.amount } / seconds
    }

    /// Seconds that the remaining steps take if they go on like the latest, with the evaluations' share so far.
    public var secondsRemaining: Double? {
        guard stepsTaken > 0, step < totalSteps else { return step >= totalSteps && totalSteps > 0 ? 0 : nil }
        let perStep =
            recentSeconds / Double(recent.reduce(0) { $0 + $1.steps }) + evaluationSeconds / Double(stepsTaken)
        return perStep * Double(totalSteps - step)
    }

    /// The part of the steps that is done, between 0 and 1.
    public var share: Double {
        totalSteps > 0 ? min(max(Double(step) / Double(totalSteps), 0), 1) : 0
    }

    private var recentSeconds: Double { recent.reduce(0) { $0 + max($1.seconds, 0) } }
}
