import Networks
import Torch

/// A step over one batch of a case, for rules that are replayed: mean cross entropy of classes.
final class ReplayedStep: StepWork {
    let moment: StepMoment
    private let input: ModelInput
    private let labels: Tensor

    /// - Parameter labels: a class for each row.
    init(input: ModelInput, labels: Tensor, _ moment: StepMoment) {
        self.input = input
        self.labels = labels
        self.moment = moment
    }

    func loss() throws -> Double {
        try withoutGradients { try lossSum(ForwardContext()).item() / Double(labels.count) }
    }

    func backward() throws -> Double {
        try backward { try $0.taskLossSum() }
    }

    func backward(_ lossSum: (BatchLoss) throws -> Tensor?) throws -> Double {
        try moment.trainables.clearGradients()
        let batch = BatchLoss(
            model: moment.model, input: input, labels: .classes(labels, count: 0), labelCount: try labels.count,
            context: ForwardContext(isTraining: true), moment: moment
        ) { try self.lossSum($0) }
        guard let sum = try lossSum(batch) else { return 0 }
        let mean = try sum / Double(labels.count)
        try mean.backward()
        return try mean.item()
    }

    func clip() throws -> Double { try moment.trainables.clip(maxNorm: 0) }

    func update() throws {
        try moment.trainables.step(learningRate: moment.learningRate, at: moment.step)
    }

    private func lossSum(_ context: ForwardContext) throws -> Tensor {
        guard let logits = try moment.model(input, context).logits else {
            throw NetworkError.unsupported("the case's model has no logits")
        }
        return try logits.crossEntropySum(labels)
    }
}
