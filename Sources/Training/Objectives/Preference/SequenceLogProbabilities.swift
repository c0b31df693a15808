import Networks
import Torch

/// What a language model gives to the tokens of some texts: the raw material of every preference loss.
///
/// Sums are taken in fp64, whatever the network computes in: a long text in bf16 would lose the difference of two texts.
public struct SequenceLogProbabilities {
    /// The sum over the counted tokens of each text, [rows].
    public let sum: Tensor
    /// How many tokens count in each text, [rows].
    public let count: Tensor

    /// Adds up what a mask keeps.
    ///
    /// - Parameters:
    ///   - tokens: log-probability of each token, [rows, length].
    ///   - mask: 1 for the tokens that count, same shape.
    public init(_ tokens: Tensor, mask: Tensor) throws {
        let kept = try mask.to(.float64)
        // Not a product: a masked −∞ would make it NaN.
        sum = try tokens.to(.float64).maskedFill(mask.eq(0), 0).sum([1])
        count = try kept.sum([1])
    }

    private init(sum: Tensor, count: Tensor) {
        (self.sum, self.count) = (sum, count)
    }

    /// The mean over the counted tokens, [rows]; 0 where none counts.
    public var average: Tensor {
        get throws { try sum / count.maximum(Tensor.ones([], dtype: .float64, device: count.device)) }
    }

    /// The texts of some rows.
    public func rows(_ range: Range<Int>) throws -> SequenceLogProbabilities {
        SequenceLogProbabilities(
            sum: try sum.narrow(0, range.lowerBound, range.count),
            count: try count.narrow(0, range.lowerBound, range.count))
    }

    /// The texts of `chosen` where `choice` is 1, else those of `rejected`.
    public static func select(
        _ choice: Tensor, _ chosen: SequenceLogProbabilities, _ rejected: SequenceLogProbabilities
    ) throws -> SequenceLogProbabilities {
        let condition = try choice.ne(0)
        return SequenceLogProbabilities(
            sum: try Tensor.where(condition, chosen.sum, rejected.sum),
            count: try Tensor.where(condition, chosen.count, rejected.count))
    }

    /// The texts of both, one after the other.
    public static func joined(
        _ first: SequenceLogProbabilities, _ second: SequenceLogProbabilities
    ) throws -> SequenceLogProbabilities {
        SequenceLogProbabilities(
            sum: try Tensor.cat([first.sum, second.sum]), count: try Tensor.cat([first.count, second.count]))
    }

    /// Log-probabilities of given tokens.
    ///
    /// - Parameters:
    ///   - scores: [..., vocabulary], each row for the token that comes next.
    ///   - targets: [...], those tokens.
    public static func tokens(scores: Tensor, targets: Tensor) throws -> Tensor {
        let wide = try scores.dtype == .float64 ? scores : scores.to(.float32)
        let last = try wide.rank - 1
        return try wide.logSoftmax(-1).gather(last, targets.unsqueeze(last)).squeeze(last)
    }

    /// Log-probabilities of the tokens after the first, [rows, length − 1]: position t of the scores is for token t + 1.
    public static func shifted(logits: Tensor, ids: Tensor) throws -> Tensor {
        let length = try ids.size(1)
        return try tokens(scores: logits.narrow(1, 0, length - 1), targets: ids.narrow(1, 1, length - 1))
    }
}

/// Two answers to each prompt, the better one first.
public struct PairLogProbabilities {
    /// The answers that are preferred.
    public let chosen: SequenceLogProbabilities
    /// The others.
    public let rejected: SequenceLogProbabilities

    /// Pairs row by row.
    public init(chosen: SequenceLogProbabilities, rejected: SequenceLogProbabilities) {
        (self.chosen, self.rejected) = (chosen, rejected)
    }

    /// Whole texts' preference for the better answer, [pairs].
    public var margin: Tensor {
        get throws { try chosen.sum - rejected.sum }
    }

    /// The same by the means over tokens.
    public var averageMargin: Tensor {
        get throws { try chosen.average - rejected.average }
    }
}

extension Tensor {
    /// log σ(x), stable for any x.
    func logSigmoid() throws -> Tensor { try -((-self).softplus()) }
}
