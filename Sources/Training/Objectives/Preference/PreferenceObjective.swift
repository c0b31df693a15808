import Datasets
import Networks
import Reporting
import Torch

/// Learning from pairs of answers. Both texts of all pairs go through the network in one batch; the reference is the same
/// network with its adapters off, without gradients and without dropout.
struct PreferenceObjective: Objective {
    let options: PreferenceOptions
    let mainMetric = MainMetric("rewards/accuracies", greaterIsBetter: true)
    let metricNames = ["loss", "rewards/accuracies", "rewards/margins", "rewards/chosen", "rewards/rejected"]

    /// The sum over pairs. KTO, whose loss is a mean over all answers, counts half of each.
    func lossSum(_ model: Model, _ batch: Batch, _ context: ForwardContext, on device: Device) throws -> Tensor? {
        try measure(model, batch, context, on: device)?.loss
    }

    func evaluate(_ model: Model, _ batches: EpochBatches, on device: Device) throws -> Evaluation {
        try withoutGradients {
            var batches = batches
            var (loss, pairs, wins, chosen, rejected) = (0.0, 0, 0.0, 0.0, 0.0)
            while let batch = try batches.nextBatch() {
                guard let measured = try measure(model, batch, ForwardContext(), on: device) else { continue }
                loss += try measured.loss.item()
                pairs += batch.targets.labelledCount
                wins += try measured.chosen.gt(measured.rejected).to(.float64).sum().item()
                chosen += try measured.chosen.sum().item()
                rejected += try measured.rejected.sum().item()
            }
            let count = Double(max(1, pairs))
            return Evaluation(
                metrics: [
                    "loss": loss / count, "rewards/accuracies": wins / count,
                    "rewards/margins": (chosen - rejected) / count, "rewards/chosen": chosen / count,
                    "rewards/rejected": rejected / count,
                ], confusion: nil)
        }
    }

    /// The loss of a batch and the rewards of its answers, [pairs] each: β times what the policy gives an answer beyond
    /// the reference, or beyond nothing where there is no reference.
    private struct Measured {
        let loss: Tensor
        let chosen: Tensor
        let rejected: Tensor
    }

    private func measure(
        _ model: Model, _ batch: Batch, _ context: ForwardContext, on device: Device
    ) throws -> Measured? {
        guard case .preferences(let labels, let pairs) = batch.targets, pairs > 0 else { return nil }
        let beta = options.resolvedBeta
        let policyTexts = try PreferenceTexts(batch, labels: labels, pairs: pairs)
        let wholeTexts = options.lossType == .orpo && options.orpoNLLIncludesPrompt
        let policy = try policyTexts.score(model, context, on: device, countsPrompt: wholeTexts)
        switch options.lossType {
        case .simpo:
            let loss = try SimPOLoss(beta: beta, gamma: options.simpoGamma).perPair(policy: policy.answers).sum()
            return try measured(loss, policy.answers.chosen.average, policy.answers.rejected.average)
        case .orpo:
            let loss = try ORPOLoss(lambda: beta).perPair(policy: policy.answers, texts: policy.texts).sum()
            return try measured(loss, policy.answers.chosen.average, policy.answers.rejected.average)
        case .dpo, .ipo, .kto:
            let reference = try reference(model) { context in
                try policyTexts.score(model, context, on: device).answers
            }
            let loss: Tensor
            if options.lossType == .dpo {
                loss = try DPOLoss(beta: beta, labelSmoothing: options.labelSmoothing)
                    .perPair(policy: policy.answers, reference: reference).sum()
            } else if options.lossType == .ipo {
                loss = try IPOLoss(tau: beta, averages: options.ipoAverage)
                    .perPair(policy: policy.answers, reference: reference).sum()
            } else {
                loss = try kto(model, policyTexts, policy.answers, reference, on: device)
            }
            return try measured(
                loss, policy.answers.chosen.sum - reference.chosen.sum,
                policy.answers.rejected.sum - reference.rejected.sum)
        }
    }

    private func measured(_ loss: Tensor, _ chosen: Tensor, _ rejected: Tensor) throws -> Measured {
        let beta = options.resolvedBeta
        return Measured(loss: loss, chosen: try chosen.detach() * beta, rejected: try rejected.detach() * beta)
    }

    /// The base: adapters off, no gradients, no dropout.
    private func reference<Result>(_ model: Model, _ body: (ForwardContext) throws -> Result) throws -> Result {
        try model.withAdapters([]) { try withoutGradients { try body(ForwardContext()) } }
    }

    /// Both answers of every pair are examples of their own. z comes from the prompts with the answers of the next pair
    /// of the batch; a batch of one pair has none, and z is 0.
    private func kto(
        _ model: Model, _ texts: PreferenceTexts, _ policy: PairLogProbabilities, _ reference: PairLogProbabilities,
        on device: Device
    ) throws -> Tensor {
        let kto = KTOLoss(
            beta: options.resolvedBeta, desirableWeight: options.desirableWeight,
            undesirableWeight: options.undesirableWeight)
        var baseline = try policy.chosen.sum.detach().sum().zerosLike()
        if let shifted = texts.mismatched() {
            func sums(_ context: ForwardContext) throws -> Tensor {
                let answers = try shifted.score(model, context, on: device).answers
                return try Tensor.cat([answers.chosen.sum, answers.rejected.sum])
            }
            let ours = try withoutGradients { try sums(ForwardContext()) }
            baseline = try kto.baseline(policy: ours, reference: self.reference(model, sums))
        }
        let desirable = try Tensor.ones([texts.pairs], device: device)
        return try kto.perExample(
            policy: .joined(policy.chosen, policy.rejected), reference: .joined(reference.chosen, reference.rejected),
            isDesirable: Tensor.cat([desirable, desirable.zerosLike()]), baseline: baseline
        ).sum() * 0.5
    }
}
