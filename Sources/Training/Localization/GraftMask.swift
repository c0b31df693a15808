import Networks
import OrderedCollections
import Torch

/// Which scalars of a fine-tuned model hold its skill: a mask over the difference of two checkpoints, learnt by gradient
/// steps on a relaxation of it.
///
/// (Panigrahi et al. 2023, "Task-specific skill localization in fine-tuned language models"; released code
/// `graft_trainer.py`.)
///
/// - soft: γ̃ = γ_base + (1 − 2γ_base)·σ(S − c), θ(γ̃) = θ_pre + γ̃ ⊙ δ, δ = θ_fine − θ_pre
/// - hard: γ = round(γ̃), half to even
/// - step: S ← S − η·(1 − 2γ_base) ⊙ G ⊙ σ'(S − c), with G the mean over batches of ∇θL ⊙ δ
public struct GraftMask {
    /// c: how far a score is from flipping its bit.
    public let bias: Double
    /// γ_base, 0 or 1, by name.
    public let base: OrderedDictionary<String, Tensor>
    /// S, by name.
    public private(set) var scores: OrderedDictionary<String, Tensor>
    private let start: OrderedDictionary<String, Tensor>
    private let goal: OrderedDictionary<String, Tensor>

    /// Prepares the optimisation.
    ///
    /// - Parameters:
    ///   - pre: the graftable tensors before fine-tuning.
    ///   - fine: the same tensors after it.
    ///   - base: γ_base; probabilities are rounded.
    ///   - scores: S, usually drawn from [0, 1).
    /// - Throws: `LocalizationError` where names or shapes differ.
    public init(
        pre: OrderedDictionary<String, Tensor>, fine: OrderedDictionary<String, Tensor>,
        base: OrderedDictionary<String, Tensor>, scores: OrderedDictionary<String, Tensor>, bias: Double = 10
    ) throws {
        for (name, tensor) in pre {
            let expected = try tensor.shape
            for other in [fine[name], base[name], scores[name]] {
                guard let other else { throw LocalizationError.missing(name: name) }
                let found = try other.shape
                guard expected == found else {
                    throw LocalizationError.shape(name: name, expected: expected, found: found)
                }
            }
        }
        self.bias = bias
        (start, goal, self.scores) = (pre, fine, scores)
        self.base = try base.mapValues { tensor in
            let values = try tensor.to(.float32)
            guard try values.ge(0).all(), try (-values).ge(-1).all() else { throw LocalizationError.notAProbability }
            return try values.round()
        }
    }

    /// γ_base by largest movement: 1 where |δ| is above the k-th largest of all, k = ⌊sparsity·n⌋. Without ties that is
    /// k − 1 scalars, as in the released code.
    public static func highestMovement(
        pre: OrderedDictionary<String, Tensor>, fine: OrderedDictionary<String, Tensor>, sparsity: Double
    ) throws -> OrderedDictionary<String, Tensor> {
        guard (0...1).contains(sparsity) else {
            throw LocalizationError.option("sparsity: must be from 0 to 1, found \(sparsity)")
        }
        var movement = OrderedDictionary<String, Tensor>()
        for (name, tensor) in pre {
            guard let tuned = fine[name] else { throw LocalizationError.missing(name: name) }
            movement[name] = try (tuned.to(.float32) - tensor.to(.float32)).abs()
        }
        let all = try Tensor.cat(movement.values.map { try $0.reshape([-1]) })
        let count = try all.count

        let k = min(count, Int(sparsity * Double(count)))
        guard k > 0 else { return try movement.mapValues { try $0.zerosLike() } }
        let threshold = try all.topK(k, dim: 0).values.narrow(0, k - 1, 1)
        return try movement.mapValues { try $0.gt(threshold).to(.float32) }
    }

    /// S of a new mask: uniform in [0, 1), by a key for each tensor.
    public static func initialScores(
        like tensors: OrderedDictionary<String, Tensor>, key: RandomKey
    ) throws -> OrderedDictionary<String, Tensor> {
        var scores = OrderedDictionary<String, Tensor>()
        for (name, tensor) in tensors {
            scores[name] = try Tensor.uniform(tensor.shape, 0, 1, key: key.derived(name)).to(tensor.device)
        }
        return scores
    }
}

// MARK: Masks and weights

extension GraftMask {
    private func soft(_ name: String, _ base: Tensor) throws -> Tensor {
        guard let score = scores[name] else { throw LocalizationError.missing(name: name) }
        return try base + (-base * 2 + 1) * (score.to(.float32) - bias).sigmoid()
    }

    /// γ = round(γ̃), by name.
    public func hard() throws -> OrderedDictionary<String, Tensor> {
        var masks = OrderedDictionary<String, Tensor>()
        for (name, base) in base { masks[name] = try soft(name, base).round() }
        return masks
    }

    /// θ(γ̃): the weights that a step takes its gradients at.
    public func softWeights() throws -> OrderedDictionary<String, Tensor> {
        var weights = OrderedDictionary<String, Tensor>()
        for (name, base) in base {
            guard let (pre, fine) = pair(name) else { throw LocalizationError.missing(name: name) }
            let (before, after) = (try pre.to(.float32), try fine.to(.float32))
            weights[name] = try before + soft(name, base) * (after - before)
        }
        return weights
    }

    /// θ(γ): the fine-tuned values where the mask is 1, the others as they were, bit for bit.
    public func hardWeights() throws -> OrderedDictionary<String, Tensor> {
        var weights = OrderedDictionary<String, Tensor>()
        for (name, mask) in try hard() {
            guard let (pre, fine) = pair(name) else { throw LocalizationError.missing(name: name) }
            weights[name] = try Tensor.where(mask.ne(0), fine.to(pre.dtype), pre)
        }
        return weights
    }

    /// How many scalars the hard mask takes.
    public func size() throws -> Int {
        try hard().values.reduce(0) { $0 + Int(try $1.to(.float64).sum().item()) }
    }

    /// How many scalars can be taken.
    public var graftable: Int {
        get throws { try base.values.reduce(0) { $0 + (try $1.count) } }
    }

    private func pair(_ name: String) -> (pre: Tensor, fine: Tensor)? {
        guard let pre = start[name], let fine = goal[name] else { return nil }
        return (pre, fine)
    }
}

// MARK: Learning

extension GraftMask {
    /// One step on the scores: the mean of the batches' gradients at θ(γ̃).
    ///
    /// - Parameters:
    ///   - rate: about 1e7, since σ'(S − c) is about 7e-5 at the start.
    ///   - loss: the loss of a batch at some weights, through which gradients flow.
    /// - Returns: the losses.
    /// - Throws: `LocalizationError.notFinite`, and what `loss` throws.
    public mutating func step(
        batches: Int, rate: Double, loss: (_ weights: OrderedDictionary<String, Tensor>, _ batch: Int) throws -> Tensor
    ) throws -> [Double] {
        guard batches > 0 else { return [] }
        let weights = try softWeights().mapValues { try $0.detach().setRequiresGrad(true) }
        var losses: [Double] = []
        for batch in 0..<batches {
            let value = try loss(weights, batch)
            losses.append(try value.item())
            guard losses[batch].isFinite else { throw LocalizationError.notFinite(batch: batch) }
            // Gradients add up in the leaves; the mean is taken once.
            try value.backward()
        }
        try withoutGradients {
            for (name, base) in base {
                // A tensor that the loss does not use has no gradient and keeps its scores.
                guard let gradient = try weights[name]?.grad, let score = scores[name] else { continue }
                guard let (pre, fine) = pair(name) else { continue }
                let moved = try gradient / Double(batches) * (fine.to(.float32) - pre.to(.float32))
                let sigma = try (score.to(.float32) - bias).sigmoid()
                let slope = try (-base * 2 + 1) * sigma * (-sigma + 1)
                scores[name] = try score - moved * slope * rate
            }
        }
        return losses
    }

    /// The mask with other scores, those of an earlier step.
    public func with(scores: OrderedDictionary<String, Tensor>) -> GraftMask {
        var mask = self
        mask.scores = scores
        return mask
    }
}
