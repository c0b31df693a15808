import Networks
import Optimization
import Torch

/// Where a training stands when a lifecycle is called.
public struct StepMoment {
    /// The optimizer step, from 0: the one about to happen, under way, or just done.
    public let step: Int
    /// Steps of the whole training.
    public let totalSteps: Int
    /// The epoch, from 0.
    public let epoch: Int
    /// Root of the step's random draws, of no use to anybody but the method. Derive a purpose and a site from it.
    public let key: RandomKey
    /// The run's rate at this step.
    public let learningRate: Double
    /// What is trained.
    public let trainables: Trainables
    /// The model with the adapter on it.
    public let model: Model

    /// A moment of the given facts.
    public init(
        step: Int, totalSteps: Int, epoch: Int, key: RandomKey, learningRate: Double, trainables: Trainables,
        model: Model
    ) {
        self.step = step
        self.totalSteps = totalSteps
        self.epoch = epoch
        self.key = key
        self.learningRate = learningRate
        self.trainables = trainables
        self.model = model
    }
}
