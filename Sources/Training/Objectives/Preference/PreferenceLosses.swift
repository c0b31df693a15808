import Networks
import Torch

/// Direct preference optimisation: −(1−ε)·log σ(βΔ) − ε·log σ(−βΔ), with Δ the margin of the policy over the reference's.
///
/// At the start, where policy and reference are one, the loss is log 2 for any data. ε > 0 is conservative DPO: so many of
/// the labels are taken to be wrong. (Rafailov et al. 2023, eq. 7.)
public struct DPOLoss: Sendable, Equatable {
    /// How strongly the policy is held to the reference.
    public var beta = 0.1
    /// ε, the share of pairs that are believed to be the wrong way round.
    public var labelSmoothing = 0.0

    /// With the usual settings.
    public init(beta: Double = 0.1, labelSmoothing: Double = 0) {
        (self.beta, self.labelSmoothing) = (beta, labelSmoothing)
    }

    /// The loss of each pair.
    public func perPair(policy: PairLogProbabilities, reference: PairLogProbabilities) throws -> Tensor {
        let delta = try (policy.margin - reference.margin) * beta
        let plain = try -(delta.logSigmoid()) * (1 - labelSmoothing)
        return labelSmoothing == 0 ? plain : try plain - (-delta).logSigmoid() * labelSmoothing
    }
}

/// Identity preference optimisation: (Δ − 1/(2τ))². By means over tokens, as released code has it, or by sums, as the
/// paper has it (Azar et al. 2023, eq. 17); τ must be chosen again when that changes.
public struct IPOLoss: Sendable, Equatable {
    /// τ; the margin aims at 1/(2τ).
    public var tau = 0.1
    /// Whether log-probabilities are means over tokens.
    public var averages = true

    /// With the usual settings.
    public init(tau: Double = 0.1, averages: Bool = true) {
        (self.tau, self.averages) = (tau, averages)
    }

    /// The loss of each pair.
    public func perPair(policy: PairLogProbabilities, reference: PairLogProbabilities) throws -> Tensor {
        let delta =
            averages
            ? try policy.averageMargin - reference.averageMargin : try policy.margin - reference.margin
        return try (delta - 1 / (2 * tau)).pow(2)
    }
}

/// SimPO: −log σ(β(a_w − a_l) − γ) of mean log-probabilities, without a reference (Meng et al. 2024, eq. 6).
public struct SimPOLoss: Sendable, Equatable {
    /// The scale of the margin.
    public var beta = 2.0
    /// γ, the margin aimed at.
    public var gamma = 1.0

    /// With the usual settings.
    public init(beta: Double = 2, gamma: Double = 1) {
        (self.beta, self.gamma) = (beta, gamma)
    }

    /// The loss of each pair.
    public func perPair(policy: PairLogProbabilities) throws -> Tensor {
        try -((policy.averageMargin * beta - gamma).logSigmoid())
    }
}

/// ORPO: NLL of the chosen text − λ·log σ(log odds ratio), odds(a) = eᵃ/(1 − eᵃ) of mean log-probabilities a. There is
/// neither reference nor earlier fine-tuning (Hong et al. 2024, eqs. 6 and 7).
public struct ORPOLoss: Sendable, Equatable {
    /// λ, the weight of the odds ratio.
    public var lambda = 0.1

    /// With the usual settings.
    public init(lambda: Double = 0.1) {
        self.lambda = lambda
    }

    /// log(odds(a_w) / odds(a_l)) of each pair.
    public func logOdds(policy: PairLogProbabilities) throws -> Tensor {
        try Self.logOdds(policy.chosen.average) - Self.logOdds(policy.rejected.average)
    }

    /// a − log(1 − eᵃ); a certain text (a = 0) has infinite odds, so that a is kept below.
    private static func logOdds(_ average: Tensor) throws -> Tensor {
        let below = try average.minimum(Tensor.scalar(-1e-12, dtype: .float64, device: average.device))
        return try below - (-(below.exp()) + 1).log()
    }

    /// The odds term of each pair, λ's weight included.
    public func oddsTerm(policy: PairLogProbabilities) throws -> Tensor {
        try -(logOdds(policy: policy).logSigmoid()) * lambda
    }

    /// The mean negative log-likelihood of all tokens of a batch together, as released code has it.
    public func tokenNLL(_ texts: SequenceLogProbabilities) throws -> Tensor {
        try -(texts.sum.sum()) / texts.count.sum()
    }

    /// The loss of a batch by `tokenNLL`.
    public func batch(policy: PairLogProbabilities, texts: SequenceLogProbabilities) throws -> Tensor {
        try tokenNLL(texts) + oddsTerm(policy: policy).mean()
    }

    /// The loss of each pair, its text's mean likelihood included: unlike `batch` it does not depend on which pairs share
    /// a batch, so that accumulation changes nothing.
    public func perPair(policy: PairLogProbabilities, texts: SequenceLogProbabilities) throws -> Tensor {
        try oddsTerm(policy: policy) - texts.average
    }
}

/// KTO: λ_D(1 − σ(β(Δ − z))) for a desirable answer, λ_U(1 − σ(β(z − Δ))) for an undesirable one, with Δ = s_π − s_ref and
/// z = max(0, mean over mismatched prompts and answers of log π − log ref), which gets no gradient (Ethayarajh et al.
/// 2024, eq. 8).
public struct KTOLoss: Sendable, Equatable {
    /// How strongly the policy is held to the reference.
    public var beta = 0.1
    /// λ_D, the weight of desirable answers.
    public var desirableWeight = 1.0
    /// λ_U, the weight of undesirable answers.
    public var undesirableWeight = 1.0

    /// With the usual settings.
    public init(beta: Double = 0.1, desirableWeight: Double = 1, undesirableWeight: Double = 1) {
        (self.beta, self.desirableWeight, self.undesirableWeight) = (beta, desirableWeight, undesirableWeight)
    }

    /// z of the sums of mismatched pairs, [rows] each.
    public func baseline(policy: Tensor, reference: Tensor) throws -> Tensor {
        try withoutGradients {
            let mean = try (policy.to(.float64) - reference.to(.float64)).mean()
            return try mean.maximum(mean.zerosLike())
        }
    }

    /// The loss of each example.
    ///
    /// - Parameter isDesirable: 1 for desirable answers, [rows].
    public func perExample(
        policy: SequenceLogProbabilities, reference: SequenceLogProbabilities, isDesirable: Tensor, baseline: Tensor
    ) throws -> Tensor {
        let gain = try (policy.sum - reference.sum - baseline) * beta
        // 1 − σ(x) = σ(−x).
        let (desirable, undesirable) = (try (-gain).sigmoid(), try gain.sigmoid())
        return try Tensor.where(isDesirable.ne(0), desirable * desirableWeight, undesirable * undesirableWeight)
    }
}
