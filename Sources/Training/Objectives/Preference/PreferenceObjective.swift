import Datasets
import Networks
import Reporting
import Torch

/// Learning from pairs of answers, or for KTO from answers that are judged alone. All texts of a batch go through the
/// network at once; the reference is the same network with its adapters off, without gradients and without dropout.
struct PreferenceObjective: Objective {
    let options: PreferenceOptions
    let mainMetric = MainMetric("rewards/accuracies", greaterIsBetter: true)
    let metricNames = ["loss", "rewards/accuracies", "rewards/margins", "rewards/chosen", "rewards/rejected"]

    /// The sum over pairs, or over answers that are judged alone. KTO, whose loss is a mean over all answers, counts half
    /// of each answer of a pair.
    func lossSum(_ model: Model, _ batch: Batch, _ context: ForwardContext, on device: Device) throws -> Tensor? {
        try measure(model, batch, context, on: device)?.loss
    }

    func evaluate(_ model: Model, _ batches: EpochBatches, on device: Device) throws -> Evaluation {
        try withoutGradients {
            var batches = batches
            var (loss, rows, wins) = (0.0, 0, 0.0)
            var (chosen, rejected) = (Mean(), Mean())
            while let batch = try batches.nextBatch() {
                guard let measured = try measure(model, batch, ForwardContext(), on: device) else { continue }
                loss += try measured.loss.item()
                rows += batch.targets.labelledCount
                wins += try measured.wins.to(.float64).sum().item()
                try chosen.add(measured.chosen)
                try rejected.add(measured.rejected)
            }
            let count = Double(max(1, rows))
            return Evaluation(
                metrics: [
                    "loss": loss / count, "rewards/accuracies": wins / count,
                    "rewards/margins": chosen.value - rejected.value, "rewards/chosen": chosen.value,
                    "rewards/rejected": rejected.value,
                ], confusion: nil)
        }
    }

    /// A mean over the elements of some tensors; 0 of none.
    private struct Mean {
        private var (sum, count) = (0.0, 0)
        var value: Double { sum / Double(max(1, count)) }

        mutating func add(_ values: Tensor) throws {
            sum += try values.sum().item()
            count += try values.count
        }
    }

    /// The loss of a batch and the rewards of its answers, β times what the policy gives an answer beyond the reference,
    /// or beyond nothing where there is no reference.
    private struct Measured {
        let loss: Tensor
        /// Rewards of the better, or desirable, answers.
        let chosen: Tensor
        /// Rewards of the others.
        let rejected: Tensor
        /// For each pair whether the better answer has more; for an answer alone, whether its reward lies on the side of
        /// KTO's reference point where it belongs.
        let wins: Tensor
    }

    private func measure(
        _ model: Model, _ batch: Batch, _ context: ForwardContext, on device: Device
    ) throws -> Measured? {
        if case .judgements(let labels, let isDesirable) = batch.targets, !isDesirable.isEmpty {
            let texts = try PreferenceTexts(batch, labels: labels, pairs: isDesirable.count)
            return try judged(model, texts, isDesirable, context, on: device)
        }
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
        return Measured(
            loss: loss, chosen: try chosen.detach() * beta, rejected: try rejected.detach() * beta,
            wins: try chosen.detach().gt(rejected.detach()))
    }

    /// The base: adapters off, no gradients, no dropout.
    private func reference<Result>(_ model: Model, _ body: (ForwardContext) throws -> Result) throws -> Result {
        try model.withAdapters([]) { try withoutGradients { try body(ForwardContext()) } }
    }

    private var ktoLoss: KTOLoss {
        KTOLoss(
            beta: options.resolvedBeta, desirableWeight: options.desirableWeight,
            undesirableWeight: options.undesirableWeight)
    }

    /// Both answers of every pair are examples of their own.
    private func kto(
        _ model: Model, _ texts: PreferenceTexts, _ policy: PairLogProbabilities, _ reference: PairLogProbabilities,
        on device: Device
    ) throws -> Tensor {
        let desirable = try Tensor.ones([texts.pairs], device: device)
        return try ktoLoss.perExample(
            policy: .joined(policy.chosen, policy.rejected), reference: .joined(reference.chosen, reference.rejected),
            isDesirable: Tensor.cat([desirable, desirable.zerosLike()]),
            baseline: baseline(model, texts, on: device)
        ).sum() * 0.5
    }

    /// KTO's z, from the prompts with the answers of the next row of the batch; a batch of one row has none, and z is 0.
    private func baseline(_ model: Model, _ texts: PreferenceTexts, on device: Device) throws -> Tensor {
        guard let shifted = texts.mismatched() else { return try .zeros([], dtype: .float64, device: device) }
        func sums(_ context: ForwardContext) throws -> Tensor { try shifted.answers(model, context, on: device).sum }
        let ours = try withoutGradients { try sums(ForwardContext()) }
        return try ktoLoss.baseline(policy: ours, reference: reference(model, sums))
    }

    /// Answers that have no partner.
    private func judged(
        _ model: Model, _ texts: PreferenceTexts, _ isDesirable: [Bool], _ context: ForwardContext, on device: Device
    ) throws -> Measured {
        let policy = try texts.answers(model, context, on: device)
        let reference = try reference(model) { try texts.answers(model, $0, on: device) }
        let baseline = try baseline(model, texts, on: device)
        let desirable = try Tensor(isDesirable.map { $0 ? Float(1) : 0 }).to(device)
        let loss = try ktoLoss.perExample(
            policy: policy, reference: reference, isDesirable: desirable, baseline: baseline
        ).sum()
        let gain = try policy.sum.detach() - reference.sum
        let rewards = try gain * options.resolvedBeta
        let (wanted, isAbove) = (try desirable.ne(0), try gain.gt(baseline))
        return Measured(
            loss: loss, chosen: try rewards.maskedSelect(wanted), rejected: try rewards.maskedSelect(wanted.not()),
            wins: try isAbove.eq(wanted))
    }
}
