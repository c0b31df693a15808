import Datasets
import Methods
import Networks
import Optimization
import Torch

/// One optimizer step over the accumulated batches.
///
/// The order is that of `Lifecycle`: epochWillBegin, stepWillBegin, forward and backward of each batch, the penalty,
/// backwardDidEnd, clipping, gradientsReady, the update, stepDidEnd. A method's update rule stands for all between stepWillBegin and
/// stepDidEnd, and makes its step of the parts that `StepWork` offers.
///
/// The loss is the sum over all labels of the step divided by their number, so that accumulation changes nothing. The
/// penalty is added once; the reported loss is without it.
final class TrainingStep: StepWork {
    let moment: StepMoment
    private let session: TrainingSession
    private let parts: [Batch]
    private let labelled: Int
    private let root: RandomKey
    private var penalty: Double?

    init(_ session: TrainingSession, _ parts: [Batch], step: Int, epoch: Int) {
        self.session = session
        self.parts = parts
        labelled = parts.reduce(0) { $0 + $1.targets.labelledCount }
        root = RandomKey(seed: session.configuration.training.seed).derived("step").derived(step)
        moment = session.moment(step: step, epoch: epoch)
    }

    /// Does the step.
    /// - Throws: `TrainingError.notFinite` where loss, gradients or the updated weights are no numbers. What the step
    ///   has changed until then stays changed.
    func run(startsEpoch: Bool) throws -> StepOutcome {
        try begin(startsEpoch: startsEpoch)
        guard let rule = session.lifecycle?.updateRule else { return try finish(updated(loss: backward())) }
        let outcome = try rule.step(self)
        guard outcome.loss.isFinite else { throw notFinite("the loss is \(outcome.loss.word)", parts) }
        return try finish(outcome)
    }

    private func begin(startsEpoch: Bool) throws {
        if startsEpoch { try session.lifecycle?.epochWillBegin(moment) }
        try session.lifecycle?.stepWillBegin(moment)
    }

    /// What follows the backward.
    private func updated(loss: Double) throws -> StepOutcome {
        let norm = try clip()
        try session.lifecycle?.gradientsReady(moment)
        try update()
        return StepOutcome(loss: loss, gradientNorm: norm)
    }

    private func finish(_ made: StepOutcome) throws -> StepOutcome {
        var outcome = made
        outcome.penalty = outcome.penalty ?? penalty
        try session.lifecycle?.stepDidEnd(moment)
        if let name = try moment.trainables.firstNotFiniteValue() {
            throw notFinite("the update made `\(name)` NaN or infinite", parts)
        }
        return outcome
    }

    func loss() throws -> Double {
        try withoutGradients {
            try total { batch, index in
                try lossSum(batch, ForwardContext(key: root.derived(index), scoresOnly: true)).map {
                    try value($0, batch)
                }
            }
        }
    }

    func backward() throws -> Double {
        try moment.trainables.clearGradients()
        let loss = try total { batch, index in
            try lossSum(batch, trainingContext(index)).map { try backward($0, batch) }
        }
        try endBackward()
        return loss
    }

    /// The penalty's backward, and the hook behind it.
    private func endBackward() throws {
        if let penalty = try session.lifecycle?.penalty(moment) {
            let value = try penalty.item()
            guard value.isFinite else { throw notFinite("the method's penalty is \(value.word)", []) }
            if try penalty.requiresGrad { try penalty.backward() }
            self.penalty = value
        }
        try session.lifecycle?.backwardDidEnd(moment)
    }

    func backward(_ lossSum: (BatchLoss) throws -> Tensor?) throws -> Double {
        try moment.trainables.clearGradients()
        return try total { batch, index in
            try lossSum(batchLoss(batch, trainingContext(index))).map { try backward($0, batch) }
        }
    }

    func clip() throws -> Double {
        let norm = try moment.trainables.clip(maxNorm: session.configuration.training.maxGradNorm)
        guard norm.isFinite else {
            let name = try moment.trainables.firstNotFinite()
            throw notFinite(name.map { "the gradient of `\($0)` is not finite" } ?? "the gradient is too long", parts)
        }
        return norm
    }

    func update() throws {
        try moment.trainables.step(learningRate: moment.learningRate, at: moment.step)
    }
}

// MARK: Parts

extension TrainingStep {
    /// - Parameter lanes: how many adapters share the forward.
    func trainingContext(_ index: Int, lanes: Int = 1) -> ForwardContext {
        ForwardContext(
            isTraining: true, key: root.derived(index), scoresOnly: true,
            gradientCheckpointing: session.configuration.training.gradientCheckpointing, lanes: lanes)
    }

    /// The mean loss per label over the batches, each of which gives its sum.
    private func total(_ sum: (Batch, Int) throws -> Double?) throws -> Double {
        guard labelled > 0 else { return 0 }
        return try parts.enumerated().reduce(0) { loss, part in
            loss + (try sum(part.element, part.offset) ?? 0) / Double(labelled)
        }
    }

    /// Adds the gradients of a batch's loss and gives its value.
    private func backward(_ sum: Tensor, _ batch: Batch) throws -> Double {
        let value = try value(sum, batch)
        // A step in which every group is switched off learns nothing.
        guard try sum.requiresGrad || moment.trainables.activeCount > 0 else { return value }
        try (sum / Double(labelled)).backward()
        try session.lifecycle?.microBatchDidEnd(moment)
        return value
    }

    /// The value of a batch's loss, which must be a number.
    func value(_ sum: Tensor, _ batch: Batch) throws -> Double {
        let value = try sum.item()
        guard value.isFinite else { throw notFinite("the loss is \(value.word)", culprits(batch) ?? [batch]) }
        return value
    }

    private func lossSum(_ batch: Batch, _ context: ForwardContext) throws -> Tensor? {
        guard let lifecycle = session.lifecycle else {
            return try session.objective.lossSum(session.model, batch, context, on: session.device)
        }
        return try lifecycle.lossSum(batchLoss(batch, context))
    }

    private func batchLoss(_ batch: Batch, _ context: ForwardContext) throws -> BatchLoss {
        let labels: BatchLoss.Labels
        switch batch.targets {
        case .classes(let classes):
            labels = .classes(try Tensor(classes).to(session.device), count: session.data.labels?.count ?? 2)
        case .tokens(let tokens):
            labels = .tokens(try Tensor(tokens, shape: [batch.rows, batch.columns]).to(session.device))
        case .sequences, .values, .preferences, .judgements, .none:
            labels = .other
        }
        return BatchLoss(
            model: session.model, input: try batch.modelInput(on: session.device), labels: labels,
            labelCount: batch.targets.labelledCount, context: context, moment: moment
        ) { [session] context in
            try session.objective.lossSum(session.model, batch, context, on: session.device)
        }
    }

    /// The examples of a batch whose loss is no number on their own, each as a batch; nil where that shows none.
    private func culprits(_ batch: Batch) -> [Batch]? {
        let (loader, objective) = (session.loader, session.objective)
        let found = batch.exampleIndices.prefix(64).compactMap { example -> Batch? in
            // Some losses are of several rows only: then all are named.
            guard let single = try? loader.collator.batch([[example]], of: loader.dataset.examples) else { return nil }
            let sum = try? withoutGradients {
                try objective.lossSum(session.model, single, ForwardContext(scoresOnly: true), on: session.device)?
                    .item()
            }
            return sum.flatMap { $0 }.map(\.isFinite) == false ? single : nil
        }
        return found.isEmpty ? nil : found
    }

    private func notFinite(_ what: String, _ batches: [Batch]) -> TrainingError {
        let rows = batches.flatMap(\.exampleIndices).map { String($0 + 1) }
        let names = rows.prefix(8).joined(separator: ", ") + (rows.count > 8 ? ", …" : "")
        let place = rows.isEmpty ? "" : " (training row\(rows.count == 1 ? "" : "s") \(names))"
        return .notFinite(
            "\(what) at step \(moment.step + 1)\(place): lower learning_rate, or check those rows and the checkpoint; "
                + "the last checkpoint is intact")
    }
}

extension Double {
    /// What it is instead of a number; NaN has a sign that means nothing.
    fileprivate var word: String { isNaN ? "NaN" : self < 0 ? "-infinity" : "infinity" }
}

// MARK: A step whose forward and backward others share

extension TrainingStep {
    /// What comes before the forwards.
    func prepare(startsEpoch: Bool) throws {
        try begin(startsEpoch: startsEpoch)
        try moment.trainables.clearGradients()
    }

    /// What follows the backward of one batch.
    func batchDidEnd() throws { try session.lifecycle?.microBatchDidEnd(moment) }

    /// What follows the backward of all batches.
    /// - Parameter loss: the mean per label of the whole step.
    func complete(loss: Double) throws -> StepOutcome {
        try endBackward()
        return try finish(updated(loss: loss))
    }
}

extension TrainingSession {
    /// Where the training stands at a step, for the method's lifecycle.
    func moment(step: Int, epoch: Int) -> StepMoment {
        StepMoment(
            step: step, totalSteps: totalSteps, epoch: epoch,
            key: RandomKey(seed: configuration.training.seed).derived("step").derived(step).derived("method"),
            learningRate: schedule.rate(step: step) * trainables.rateFactor, trainables: trainables, model: model)
    }
}
