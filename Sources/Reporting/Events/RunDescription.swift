/// What is known about a run before its first step.
public struct RunDescription: Sendable, Hashable {
    /// The base model as the user named it: a folder or an identifier.
    public var model: String
    /// The method's slug, `lora` for example.
    public var method: String
    /// The task's name, `classification` for example.
    public var task: String
    /// The run's folder as the user wrote it.
    public var outputFolder: String
    /// What the run is expected to take, if it was estimated.
    public var forecast: Forecast?
    /// Number of parameters that training changes.
    public var trainableParameters: Int
    /// Number of all parameters, frozen ones included.
    public var totalParameters: Int
    /// The device's name, `cpu` for example.
    public var device: String
    /// Number of threads that the engine computes with.
    public var threads: Int
    /// The seed of every random stream of the run.
    public var seed: UInt64
    /// Number of optimizer steps that the whole run has.
    public var totalSteps: Int
    /// Number of passes over the training data.
    public var epochs: Double
    /// The step after which a resumed run continues; 0 for a fresh one.
    public var resumedFromStep: Int
    /// The metric that decides which checkpoint is the best, if any does.
    public var mainMetric: MainMetric?

    /// Describes a run.
    public init(
        model: String, method: String, task: String, outputFolder: String, forecast: Forecast? = nil,
        trainableParameters: Int, totalParameters: Int, device: String, threads: Int, seed: UInt64,
        totalSteps: Int, epochs: Double, resumedFromStep: Int = 0, mainMetric: MainMetric? = nil
    ) {
        self.model = model
        self.method = method
        self.task = task
        self.outputFolder = outputFolder
        self.forecast = forecast
        self.trainableParameters = trainableParameters
        self.totalParameters = totalParameters
        self.device = device
        self.threads = threads
        self.seed = seed
        self.totalSteps = totalSteps
        self.epochs = epochs
        self.resumedFromStep = resumedFromStep
        self.mainMetric = mainMetric
    }

    /// The part of all parameters that training changes, between 0 and 1; 0 for a model without parameters.
    public var trainableShare: Double {
        totalParameters > 0 ? Double(trainableParameters) / Double(totalParameters) : 0
    }
}

/// The metric by which evaluations are compared.
public struct MainMetric: Sendable, Hashable {
    /// The metric's name as in an evaluation's values, `accuracy` for example.
    public var name: String
    /// Whether a larger value is the better one.
    public var greaterIsBetter: Bool

    /// Names a metric and its direction.
    public init(_ name: String, greaterIsBetter: Bool) {
        self.name = name
        self.greaterIsBetter = greaterIsBetter
    }

    /// Whether `candidate` beats `incumbent`. A value that is not a number beats nothing and is beaten by any number.
    public func prefers(_ candidate: Double, over incumbent: Double) -> Bool {
        if candidate.isNaN { return false }
        if incumbent.isNaN { return true }
        return greaterIsBetter ? candidate > incumbent : candidate < incumbent
    }
}
