import Foundation

/// Perplexity: the exponential of the mean negative log-likelihood per token.
public struct PerplexityCounter: Sendable, Hashable {
    /// Sum of the negative log-likelihoods, in nats.
    public private(set) var negativeLogLikelihood = 0.0
    /// Tokens that were counted.
    public private(set) var tokens = 0
    /// What rounding has taken from the sum so far (Neumaier 1974).
    private var compensation = 0.0

    /// A counter that has seen nothing.
    public init() {}

    /// Adds the summed negative log-likelihood of some tokens, in nats.
    public mutating func add(negativeLogLikelihood sum: Double, tokens count: Int) {
        let total = negativeLogLikelihood + sum
        let larger = max(abs(negativeLogLikelihood), abs(sum))
        compensation +=
            larger == abs(sum) ? (sum - total) + negativeLogLikelihood : (negativeLogLikelihood - total) + sum
        negativeLogLikelihood = total
        tokens += count
    }

    /// Mean negative log-likelihood per token, in nats; NaN if no token was counted.
    public var loss: Double {
        guard tokens > 0 else { return .nan }
        // The compensation of an infinite sum is NaN; the sum itself is the answer.
        let sum = negativeLogLikelihood.isFinite ? negativeLogLikelihood + compensation : negativeLogLikelihood
        return sum / Double(tokens)
    }

    /// The perplexity; infinite where the loss is too large for it, NaN if no token was counted.
    public var perplexity: Double { exp(loss) }
}
