import Optimization
import Torch

/// What a method may know of the training to come when it says how it trains.
public struct TrainingPlan: Sendable {
    /// The configured optimizer's numbers.
    public var optimizer: OptimizerSettings
    /// The learning rate over the steps, with their number.
    public var schedule: LearningRateSchedule
    /// Optimizer steps of an epoch.
    public var stepsPerEpoch: Int
    /// Batches that one step adds up.
    public var accumulation: Int
    /// Longer gradients are cut to this norm; 0 for no cut.
    public var maxGradNorm: Double
    /// Root of the method's random draws while it trains. Draws of a step come from `StepMoment.key`.
    public var key: RandomKey

    /// A plan of the given numbers.
    public init(
        optimizer: OptimizerSettings = OptimizerSettings(), schedule: LearningRateSchedule, stepsPerEpoch: Int,
        accumulation: Int = 1, maxGradNorm: Double = 1, key: RandomKey = RandomKey(seed: 0)
    ) {
        self.optimizer = optimizer
        self.schedule = schedule
        self.stepsPerEpoch = stepsPerEpoch
        self.accumulation = accumulation
        self.maxGradNorm = maxGradNorm
        self.key = key
    }

    /// Optimizer steps of the whole training.
    public var totalSteps: Int { schedule.totalSteps }
}
