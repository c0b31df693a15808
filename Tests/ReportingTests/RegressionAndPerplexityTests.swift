import Reporting
import Testing

/// Expected values: scikit-learn 1.9.1 `mean_squared_error`, SciPy 1.17.1 `pearsonr`, numpy 2.4.6 `exp(mean)`.
@Suite("Regression and perplexity")
struct RegressionAndPerplexityTests {
    @Test("mean squared error and Pearson correlation agree with scikit-learn and SciPy")
    func agrees() throws {
        var statistics = RegressionStatistics()
        try statistics.add(predictions: [2.5, 0.0, 2.1, 7.8, -1.25], targets: [3.0, -0.5, 2.0, 7.0, -1.0])
        #expect(abs(statistics.meanSquaredError - 0.24249999999999994) < 1e-15)
        #expect(abs(statistics.pearsonCorrelation - 0.990421396967817) < 1e-14)
    }

    @Test("correlation survives a large common offset")
    func offset() throws {
        var statistics = RegressionStatistics()
        try statistics.add(predictions: [1, 2, 3, 4].map { $0 + 1e9 }, targets: [1.5, 2.5, 2.0, 5.0])
        #expect(abs(statistics.pearsonCorrelation - 0.8304547985373998) < 1e-12)
    }

    @Test("correlation is undefined for constant values and for fewer than two examples")
    func undefined() throws {
        var statistics = RegressionStatistics()
        #expect(statistics.meanSquaredError.isNaN)
        statistics.add(prediction: 1, target: 2)
        #expect(statistics.meanSquaredError == 1)
        #expect(statistics.pearsonCorrelation.isNaN)
        statistics.add(prediction: 1, target: 3)
        #expect(statistics.pearsonCorrelation.isNaN)
        statistics.add(prediction: .nan, target: 3)
        #expect(statistics.pearsonCorrelation.isNaN)
        #expect(throws: MetricsError.self) { try statistics.add(predictions: [1], targets: []) }
    }

    @Test("perplexity is the exponential of the mean over tokens, not over batches")
    func perplexity() {
        var counter = PerplexityCounter()
        #expect(counter.perplexity.isNaN)
        counter.add(negativeLogLikelihood: 2.3 + 0.1 + 5.25, tokens: 3)
        counter.add(negativeLogLikelihood: 1.0, tokens: 1)
        #expect(abs(counter.perplexity - 8.692842622510005) < 1e-13)
        #expect(counter.tokens == 4)
    }

    @Test("perplexity of a diverged model is infinite or not a number, never a crash")
    func diverged() {
        var counter = PerplexityCounter()
        counter.add(negativeLogLikelihood: 1e6, tokens: 1)
        #expect(counter.perplexity == .infinity)
        counter.add(negativeLogLikelihood: .infinity, tokens: 1)
        #expect(counter.perplexity == .infinity)
        counter.add(negativeLogLikelihood: .nan, tokens: 1)
        #expect(counter.perplexity.isNaN)
    }

    @Test("small contributions to a large sum are not lost")
    func compensated() {
        var counter = PerplexityCounter()
        counter.add(negativeLogLikelihood: 1e16, tokens: 1)
        for _ in 0..<1000 { counter.add(negativeLogLikelihood: 1, tokens: 0) }
        counter.add(negativeLogLikelihood: -1e16, tokens: 0)
        #expect(counter.loss == 1000)
    }
}
