import Datasets
import Methods
import Networks
import Torch

/// One optimizer step of several adapters over one forward and backward. Each has its own gradients, clipping, update and
/// hooks, in the order of `TrainingStep`.
struct SharedStep {
    private let sessions: [TrainingSession]
    private let steps: [TrainingStep]
    private let parts: [Batch]

    /// - Parameter sessions: in the order in which their adapters are side by side on the model.
    init(_ sessions: [TrainingSession], _ parts: [Batch], step: Int, epoch: Int) {
        self.sessions = sessions
        self.parts = parts
        steps = sessions.map { TrainingStep($0, parts, step: step, epoch: epoch) }
    }

    /// What became of each adapter's step. An adapter whose numbers went wrong has touched none of the others.
    func run(startsEpoch: Bool) throws -> [Result<StepOutcome, any Error>] {
        for step in steps { try step.prepare(startsEpoch: startsEpoch) }
        var losses = Array(repeating: Result<Double, any Error>.success(0), count: steps.count)
        let labelled = parts.reduce(0) { $0 + $1.targets.labelledCount }
        for (index, batch) in parts.enumerated() where labelled > 0 {
            guard let sums = try lossSums(batch, index) else { continue }
            var joint: Tensor?
            for (lane, sum) in sums.enumerated() {
                let value = Result { try steps[lane].value(sum, batch) }
                losses[lane] = losses[lane].flatMap { loss in value.map { loss + $0 / Double(labelled) } }
                guard case .success = losses[lane], try trains(lane, sum) else { continue }
                joint = try joint.map { try $0 + sum } ?? sum
            }
            if let joint { try (joint / Double(labelled)).backward() }
            for (lane, step) in steps.enumerated() {
                if case .success = losses[lane] { try step.batchDidEnd() }
            }
        }
        return zip(steps, losses).map { step, loss in loss.flatMap { loss in Result { try step.complete(loss: loss) } }
        }
    }

    private func lossSums(_ batch: Batch, _ index: Int) throws -> [Tensor]? {
        guard let first = sessions.first, let objective = first.objective as? any SharedObjective else { return nil }
        let context = steps[0].trainingContext(index, lanes: steps.count)
        return try objective.lossSums(first.model, batch, context, on: first.device)
    }

    /// A step in which every group of an adapter is switched off teaches it nothing.
    private func trains(_ lane: Int, _ sum: Tensor) throws -> Bool {
        try sum.requiresGrad && sessions[lane].trainables.activeCount > 0
    }
}
