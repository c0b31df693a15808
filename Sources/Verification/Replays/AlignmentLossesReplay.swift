import Golden
import JSON
import Torch
import Training

/// Replays the cases of the preference losses and of PPO's arithmetic.
struct AlignmentLossesReplay: Replay {
    let slugs = ["alignment-losses"]

    func run(_ golden: GoldenCase) throws -> CaseResult {
        var comparison = Comparison(golden)
        for loss in PreferenceCase.allLosses where golden.outputs.contains("out.\(loss)_loss") {
            // Each loss on leaves of its own, so that the gradients stay apart.
            try PreferenceCase(golden).replay(loss, &comparison)
        }
        if golden.outputs.contains(where: { $0.hasPrefix("out.ppo") }) { try ppo(golden, &comparison) }
        return try comparison.result()
    }

    private func ppo(_ golden: GoldenCase, _ comparison: inout Comparison) throws {
        var ppo = PPO()
        let config = golden.config
        let name = try config.optional("ppo_kl_penalty")?.string() ?? ppo.penalty.rawValue
        let synonyms = ["kl": "k1", "mse": "k2", "absolute": "abs"]
        guard let penalty = PPO.Penalty(rawValue: synonyms[name] ?? name) else {
            throw TorchError.invalid("the case's ppo_kl_penalty `\(name)` is not k1, abs or k2")
        }
        ppo.penalty = penalty
        ppo.penaltyCoefficient = try config.optional("ppo_kl_coef")?.double() ?? ppo.penaltyCoefficient
        ppo.whitensRewards = try config.optional("ppo_whiten_rewards")?.bool() ?? ppo.whitensRewards
        ppo.discount = try config.optional("ppo_gamma")?.double() ?? ppo.discount
        ppo.lambda = try config.optional("ppo_lam")?.double() ?? ppo.lambda
        ppo.clipRange = try config.optional("ppo_cliprange")?.double() ?? ppo.clipRange
        ppo.valueClipRange = try config.optional("ppo_cliprange_value")?.double() ?? ppo.valueClipRange
        ppo.valueCoefficient = try config.optional("ppo_vf_coef")?.double() ?? ppo.valueCoefficient

        let (mask, old) = (try golden.tensor("in.ppo_mask"), try golden.tensor("in.ppo_old_logprobs"))
        let values = try golden.tensor("in.ppo_values")
        let rewards = try ppo.rewards(
            old: old, reference: golden.tensor("in.ppo_ref_logprobs"), scores: golden.tensor("in.ppo_scores"),
            mask: mask)
        comparison.produced("out.ppo_rewards", rewards)
        let advantages = try ppo.advantages(rewards: rewards, values: values, mask: mask)
        comparison.produced("out.ppo_advantages_raw", advantages.raw)
        comparison.produced("out.ppo_advantages", advantages.whitened)
        comparison.produced("out.ppo_returns", advantages.returns)

        let new = try golden.tensor("in.ppo_new_logprobs").clone().setRequiresGrad(true)
        let newValues = try golden.tensor("in.ppo_new_values").clone().setRequiresGrad(true)
        let losses = try ppo.losses(
            new: new, old: old, newValues: newValues, oldValues: values, advantages: advantages.whitened,
            returns: advantages.returns, mask: mask)
        comparison.produced("out.ppo_policy_loss", losses.policy)
        comparison.produced("out.ppo_value_loss", losses.value)
        comparison.produced("out.ppo_loss", losses.total)
        try losses.total.backward()
        if let gradient = try new.grad { comparison.produced("grad.ppo.in.ppo_new_logprobs", gradient) }
        if let gradient = try newValues.grad { comparison.produced("grad.ppo.in.ppo_new_values", gradient) }
    }
}

/// The pairs of a case, with the policy's logits as leaves.
private struct PreferenceCase {
    static let allLosses = ["dpo", "ipo", "simpo", "orpo", "kto"]

    let golden: GoldenCase
    let leaves: [(name: String, logits: Tensor)]
    let policy: PairLogProbabilities
    let reference: PairLogProbabilities
    /// Tokens of the chosen texts that ORPO's likelihood counts.
    let texts: SequenceLogProbabilities

    init(_ golden: GoldenCase) throws {
        self.golden = golden
        func tokens(_ logits: Tensor, _ side: String) throws -> Tensor {
            try SequenceLogProbabilities.shifted(logits: logits, ids: golden.tensor("in.\(side)_ids"))
        }
        func mask(_ name: String) throws -> Tensor {
            let mask = try golden.tensor(name)
            return try mask.narrow(1, 1, mask.size(1) - 1)
        }
        func pair(_ chosen: Tensor, _ rejected: Tensor) throws -> PairLogProbabilities {
            PairLogProbabilities(
                chosen: try SequenceLogProbabilities(tokens(chosen, "chosen"), mask: mask("in.chosen_response")),
                rejected: try SequenceLogProbabilities(
                    tokens(rejected, "rejected"), mask: mask("in.rejected_response")))
        }
        leaves = try ["in.policy_chosen_logits", "in.policy_rejected_logits"].map {
            ($0, try golden.tensor($0).clone().setRequiresGrad(true))
        }
        policy = try pair(leaves[0].logits, leaves[1].logits)
        reference = try pair(golden.tensor("in.ref_chosen_logits"), golden.tensor("in.ref_rejected_logits"))
        let withPrompt = try golden.config.optional("orpo_nll_includes_prompt")?.bool() ?? true
        texts = try SequenceLogProbabilities(
            tokens(leaves[0].logits, "chosen"),
            mask: mask(withPrompt ? "in.chosen_attention" : "in.chosen_response"))
    }

    func replay(_ loss: String, _ comparison: inout Comparison) throws {
        for (name, tensor) in [
            ("policy_chosen_logps", policy.chosen.sum), ("policy_rejected_logps", policy.rejected.sum),
            ("ref_chosen_logps", reference.chosen.sum), ("ref_rejected_logps", reference.rejected.sum),
            ("chosen_len", policy.chosen.count), ("rejected_len", policy.rejected.count),
        ] { comparison.produced("out.\(name)", tensor) }
        let total = try total(loss, &comparison)
        comparison.produced("out.\(loss)_loss", total)
        try total.backward()
        for (name, logits) in leaves {
            if let gradient = try logits.grad {
                comparison.produced("grad.\(loss).\(name)", gradient)
            } else {
                comparison.produced("grad.\(loss).\(name)", try logits.zerosLike())
            }
        }
    }

    private func number(_ key: String, _ standard: Double) throws -> Double {
        try golden.config.optional(key)?.double() ?? standard
    }

    private func total(_ loss: String, _ comparison: inout Comparison) throws -> Tensor {
        let values: Tensor
        switch loss {
        case "dpo":
            let dpo = DPOLoss(beta: try number("dpo_beta", 0.1), labelSmoothing: try number("dpo_label_smoothing", 0))
            values = try dpo.perPair(policy: policy, reference: reference)
        case "ipo":
            let averages = try golden.config.optional("ipo_average")?.bool() ?? true
            values = try IPOLoss(tau: number("ipo_tau", 0.1), averages: averages)
                .perPair(policy: policy, reference: reference)
        case "simpo":
            values = try SimPOLoss(beta: number("simpo_beta", 2), gamma: number("simpo_gamma", 1))
                .perPair(policy: policy)
        case "orpo":
            let orpo = ORPOLoss(lambda: try number("orpo_lambda", 0.1))
            comparison.produced("out.orpo_log_odds", try orpo.logOdds(policy: policy))
            comparison.produced("out.orpo_nll", try orpo.tokenNLL(texts))
            return try orpo.batch(policy: policy, texts: texts)
        default:
            let kto = KTOLoss(
                beta: try number("kto_beta", 0.1), desirableWeight: try number("kto_lambda_d", 1),
                undesirableWeight: try number("kto_lambda_u", 1))
            let z = try kto.baseline(
                policy: golden.tensor("in.kto_policy_kl_logps"), reference: golden.tensor("in.kto_ref_kl_logps"))
            comparison.produced("out.kto_z", z)
            let label = try golden.tensor("in.kto_label")
            values = try kto.perExample(
                policy: .select(label, policy.chosen, policy.rejected),
                reference: .select(label, reference.chosen, reference.rejected), isDesirable: label, baseline: z)
        }
        comparison.produced("out.\(loss)_per_example", values)
        return try values.mean()
    }
}
