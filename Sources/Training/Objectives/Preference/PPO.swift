import Networks
import Torch

/// The arithmetic of proximal policy optimisation over the tokens of answers: rewards, advantages and losses. All tensors
/// are [rows, length]; positions that the mask leaves out have no effect on the losses.
///
/// (Schulman et al. 2017, eqs. 7 and 9; advantages as in Schulman et al. 2016, eq. 16; details as in TRL 0.11.)
public struct PPO: Sendable, Equatable {
    /// How the distance to the reference is estimated from k = log π_old − log ref.
    public enum Penalty: String, Sendable, CaseIterable {
        /// k.
        case k1
        /// |k|.
        case absolute = "abs"
        /// k²/2.
        case k2
    }

    /// The estimate of the distance to the reference.
    public var penalty = Penalty.k1
    /// κ, its weight in the reward.
    public var penaltyCoefficient = 0.2
    /// Whether rewards are divided by their standard deviation.
    public var whitensRewards = false
    /// γ, the discount.
    public var discount = 1.0
    /// λ of the advantage estimate.
    public var lambda = 0.95
    /// c, how far a ratio may go.
    public var clipRange = 0.2
    /// c_v, how far a value may go.
    public var valueClipRange = 0.2
    /// c_vf, the weight of the value loss.
    public var valueCoefficient = 0.1

    /// With the usual settings.
    public init() {}

    /// −κ·k at every token, and the answer's score at its last one.
    ///
    /// - Parameter scores: [rows].
    public func rewards(old: Tensor, reference: Tensor, scores: Tensor, mask: Tensor) throws -> Tensor {
        let k = try old - reference
        let distance: Tensor
        switch penalty {
        case .k1: distance = k
        case .absolute: distance = try k.abs()
        case .k2: distance = try k.pow(2) * 0.5
        }
        // The last token is where no counted one follows and this one counts.
        let counted = try mask.to(.int64)
        let following = try counted.flip([1]).cumsum(1).flip([1])
        let isLast = try following.eq(1).and(counted.ne(0))
        return try distance * -penaltyCoefficient + scores.unsqueeze(1) * isLast.to(distance.dtype)
    }

    /// What a rollout is worth.
    public struct Advantages {
        /// As estimated.
        public let raw: Tensor
        /// With mean 0 and deviation 1 over the counted tokens.
        public let whitened: Tensor
        /// What the values should have been.
        public let returns: Tensor
    }

    /// δ_t = r_t + γV_{t+1} − V_t and A_t = δ_t + γλA_{t+1}, from the end; values and rewards of padding are 0.
    ///
    /// Whitened rewards are used as they come out, padding's shift included, as TRL 0.11 does.
    /// - Throws: `TorchError.invalid` where fewer than two tokens count, whose deviation is not defined.
    public func advantages(rewards: Tensor, values: Tensor, mask: Tensor) throws -> Advantages {
        try withoutGradients {
            let kept = try mask.to(.float64)
            let values = try values.to(.float64) * kept
            var rewards = try rewards.to(.float64) * kept
            if whitensRewards { rewards = try Self.whitened(rewards, kept, keepsMean: true) }
            let length = try rewards.size(1)
            var advantage = try Tensor.zeros([rewards.size(0)], dtype: .float64, device: rewards.device)
            var nextValue = advantage
            var columns: [Tensor] = []
            for t in (0..<length).reversed() {
                let value = try values.select(1, t)
                let delta = try rewards.select(1, t) + nextValue * discount - value
                advantage = try delta + advantage * (discount * lambda)
                nextValue = value
                columns.append(advantage)
            }
            let raw = try Tensor.stack(columns.reversed(), dim: 1)
            return Advantages(
                raw: raw, whitened: try Self.whitened(raw, kept, keepsMean: false), returns: try raw + values)
        }
    }

    /// Divides by the unbiased deviation of the counted values; the mean goes, or stays.
    static func whitened(_ values: Tensor, _ mask: Tensor, keepsMean: Bool) throws -> Tensor {
        let count = try mask.sum().item()
        guard count > 1 else {
            throw TorchError.invalid("whitening needs at least two tokens that count, found \(Int(count))")
        }
        let mean = try (values * mask).sum() / count
        let centred = try values - mean
        let variance = try (centred.pow(2) * mask).sum() / (count - 1)
        let scaled = try centred * (variance + 1e-8).rsqrt()
        return keepsMean ? try scaled + mean : scaled
    }

    /// The losses of a mini-batch.
    public struct Losses {
        /// Mean of max(−Aρ, −A·clip(ρ, 1 ± c)).
        public let policy: Tensor
        /// Half the mean of max((V − R)², (clip(V, V_old ± c_v) − R)²).
        public let value: Tensor
        /// policy + c_vf · value.
        public let total: Tensor
        /// Mean of ρ = exp(log π − log π_old); a mini-batch beyond 10 is better left out.
        public let ratio: Double
    }

    /// Advantages, returns and old values are constants.
    public func losses(
        new: Tensor, old: Tensor, newValues: Tensor, oldValues: Tensor, advantages: Tensor, returns: Tensor,
        mask: Tensor
    ) throws -> Losses {
        let kept = try mask.to(.float64)
        let count = try kept.sum()
        func mean(_ tensor: Tensor) throws -> Tensor { try (tensor * kept).sum() / count }
        let ratio = try (new.to(.float64) - old.to(.float64)).exp()
        let gain = try advantages.to(.float64).detach()
        let clipped = try ratio.clamp(1 - clipRange, 1 + clipRange)
        let policy = try mean((-gain * ratio).maximum(-gain * clipped))

        let (values, before) = (try newValues.to(.float64), try oldValues.to(.float64).detach())
        let goal = try returns.to(.float64).detach()
        let near = try values.maximum(before - valueClipRange).minimum(before + valueClipRange)
        let value = try mean((values - goal).pow(2).maximum((near - goal).pow(2))) * 0.5
        return Losses(
            policy: policy, value: value, total: try policy + value * valueCoefficient,
            ratio: try mean(ratio.detach()).item())
    }
}
