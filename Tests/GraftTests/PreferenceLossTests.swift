import Foundation
import Graft
import Testing

@Suite struct PreferenceLossTests {
    /// Texts of several tokens each, with log-probabilities below 0.
    private func texts(_ seed: Int, rows: Int = 3, offset: Double = 0) throws -> (values: Tensor, mask: Tensor) {
        let values = try Tensor.uniform([rows, 5], -2 - offset, -0.5 - offset, key: RandomKey(seed: seed))
        return (
            values, try Tensor((0..<rows).flatMap { row in (0..<5).map { Int64($0 > row ? 1 : 0) } }, shape: [rows, 5])
        )
    }

    private func pair(_ seed: Int, offset: Double = 0) throws -> PairLogProbabilities {
        let (chosen, rejected) = (try texts(seed), try texts(seed + 1, offset: offset))
        return PairLogProbabilities(
            chosen: try SequenceLogProbabilities(chosen.values, mask: chosen.mask),
            rejected: try SequenceLogProbabilities(rejected.values, mask: rejected.mask))
    }

    @Test func whereThePolicyIsTheReferenceTheLossesAreTheirConstants() throws {
        let pair = try pair(1)
        let dpo: [Double] = try DPOLoss(labelSmoothing: 0.2).perPair(policy: pair, reference: pair).array()
        for value in dpo { #expect(abs(value - log(2)) < 1e-12) }
        let ipo: [Double] = try IPOLoss(tau: 0.25).perPair(policy: pair, reference: pair).array()
        for value in ipo { #expect(abs(value - 1 / (4 * 0.25 * 0.25)) < 1e-12) }
        let kto = KTOLoss(desirableWeight: 1.5, undesirableWeight: 0.5)
        let z = try kto.baseline(policy: pair.chosen.sum, reference: pair.chosen.sum)
        #expect(try z.item() == 0)
        let values: [Double] = try kto.perExample(
            policy: pair.chosen, reference: pair.chosen, isDesirable: Tensor([Int64(1), 0, 1]), baseline: z
        ).array()
        #expect(values == [0.75, 0.25, 0.75])
    }

    @Test func exchangingTheAnswersMirrorsDPO() throws {
        let (policy, reference) = (try pair(1), try pair(7))
        let swapped = PairLogProbabilities(chosen: policy.rejected, rejected: policy.chosen)
        let mirror = PairLogProbabilities(chosen: reference.rejected, rejected: reference.chosen)
        let plain: [Double] = try DPOLoss().perPair(policy: policy, reference: reference).array()
        let other: [Double] = try DPOLoss().perPair(policy: swapped, reference: mirror).array()
        let delta: [Double] = try (policy.margin - reference.margin).array()
        for index in plain.indices {
            // −log σ(x) + log σ(−x) = −x.
            #expect(abs(plain[index] - other[index] + 0.1 * delta[index]) < 1e-12)
        }
    }

    @Test func theGradientOfDPOOnTheChosenTextIsMinusBetaTimesOneMinusSigma() throws {
        let (chosen, rejected) = (try texts(1), try texts(2))
        let leaf = try chosen.values.clone().setRequiresGrad(true)
        let policy = PairLogProbabilities(
            chosen: try SequenceLogProbabilities(leaf, mask: chosen.mask),
            rejected: try SequenceLogProbabilities(rejected.values, mask: rejected.mask))
        let reference = try pair(9)
        try DPOLoss(beta: 0.3).perPair(policy: policy, reference: reference).sum().backward()
        let gradient: [Double] = try #require(try leaf.grad).array()
        let delta: [Double] = try (policy.margin - reference.margin).detach().array()
        let mask: [Int64] = try chosen.mask.array()
        for index in gradient.indices {
            let expected = mask[index] == 0 ? 0 : -0.3 * (1 - 1 / (1 + exp(-0.3 * delta[index / 5])))
            #expect(abs(gradient[index] - expected) < 1e-6)
        }
    }

    @Test func aTextThatIsCertainDoesNotBreakORPO() throws {
        let certain = try SequenceLogProbabilities(Tensor.zeros([2, 3]), mask: Tensor.ones([2, 3]))
        let pair = PairLogProbabilities(chosen: certain, rejected: try pair(3).rejected.rows(0..<2))
        #expect(try ORPOLoss().oddsTerm(policy: pair).isAllFinite())
    }

    @Test func withoutDiscountAndWhiteningAdvantagesAndValuesAddUpToFutureRewards() throws {
        var ppo = PPO()
        (ppo.discount, ppo.lambda) = (1, 1)
        let rewards = try Tensor.normal([2, 4], key: RandomKey(seed: 1))
        let values = try Tensor.normal([2, 4], key: RandomKey(seed: 2))
        let mask = try Tensor([Int64(1), 1, 1, 1, 1, 1, 0, 0], shape: [2, 4])
        let result = try ppo.advantages(rewards: rewards, values: values, mask: mask)
        let kept = try rewards.to(.float64) * mask.to(.float64)
        let future = try kept.flip([1]).cumsum(1).flip([1])
        #expect(try (result.returns - future).abs().amax().item() < 1e-12)
        // ρ = 1: the policy's loss is minus the mean advantage, which whitening makes 0.
        let same = try ppo.losses(
            new: rewards, old: rewards, newValues: values, oldValues: values, advantages: result.whitened,
            returns: result.returns, mask: mask)
        #expect(abs(try same.policy.item()) < 1e-12)
        #expect(abs(same.ratio - 1) < 1e-12)
    }

    @Test func scoresGoToTheLastTokenThatCounts() throws {
        let zeros = try Tensor.zeros([2, 4])
        let mask = try Tensor([Int64(1), 1, 0, 0, 0, 1, 1, 1], shape: [2, 4])
        let rewards: [Float] = try PPO().rewards(
            old: zeros, reference: zeros, scores: Tensor([Float(3), 5]), mask: mask
        ).array()
        #expect(rewards == [0, 3, 0, 0, 0, 0, 0, 5])
    }

    @Test func oneTokenCannotBeWhitened() throws {
        let one = try Tensor([Int64(1), 0], shape: [1, 2])
        #expect(throws: TorchError.self) {
            try PPO().advantages(rewards: Tensor.zeros([1, 2]), values: Tensor.zeros([1, 2]), mask: one)
        }
    }
}
