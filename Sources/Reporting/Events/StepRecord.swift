/// One optimizer step, whatever the number of batches that were accumulated for it.
public struct StepRecord: Sendable, Hashable {
    /// The step's number, counted from 1 over the whole run, resumptions included.
    public var step: Int
    /// Passes over the training data after this step; 1.5 is the middle of the second.
    public var epoch: Double
    /// Loss per labelled token (or example) of this step; NaN where it diverged.
    public var loss: Double
    /// Euclidean norm of all gradients before clipping, if it was computed.
    public var gradientNorm: Double?
    /// The method's own term over the adapter, which `loss` leaves out; nil for methods without one.
    public var penalty: Double?
    /// The learning rate that this step used.
    public var learningRate: Double
    /// Tokens of this step that are not padding.
    public var tokens: Int
    /// Tokens of this step that the loss counts.
    public var labelledTokens: Int
    /// Padding positions that were computed besides the tokens, if they were counted.
    public var paddingTokens: Int?
    /// Examples of this step.
    public var examples: Int
    /// Seconds that this step took.
    public var seconds: Double
    /// Resident memory of the process after this step, in bytes; 0 where it is unknown.
    public var memoryBytes: Int

    /// Records a step.
    public init(
        step: Int, epoch: Double, loss: Double, gradientNorm: Double? = nil, penalty: Double? = nil,
        learningRate: Double,
        tokens: Int, labelledTokens: Int, paddingTokens: Int? = nil, examples: Int, seconds: Double, memoryBytes: Int
    ) {
        self.step = step
        self.epoch = epoch
        self.loss = loss
        self.gradientNorm = gradientNorm
        self.penalty = penalty
        self.learningRate = learningRate
        self.tokens = tokens
        self.labelledTokens = labelledTokens
        self.paddingTokens = paddingTokens
        self.examples = examples
        self.seconds = seconds
        self.memoryBytes = memoryBytes
    }
}
