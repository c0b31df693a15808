/// Mean squared error and Pearson correlation of predictions and targets, in one pass.
///
/// Means and co-moments are updated example by example (Welford 1962), which stays exact where the naive sums of
/// squares cancel.
public struct RegressionStatistics: Sendable, Hashable {
    /// Examples that were counted.
    public private(set) var count = 0
    private var squaredError = 0.0
    private var meanPrediction = 0.0
    private var meanTarget = 0.0
    private var predictionMoment = 0.0
    private var targetMoment = 0.0
    private var coMoment = 0.0

    /// Statistics of nothing.
    public init() {}

    /// Counts one example.
    public mutating func add(prediction: Double, target: Double) {
        count += 1
        let error = prediction - target
        squaredError += error * error
        let predictionChange = prediction - meanPrediction
        let targetChange = target - meanTarget
        meanPrediction += predictionChange / Double(count)
        meanTarget += targetChange / Double(count)
        predictionMoment += predictionChange * (prediction - meanPrediction)
        targetMoment += targetChange * (target - meanTarget)
        coMoment += predictionChange * (target - meanTarget)
    }

    /// Counts many examples at once.
    ///
    /// - Throws: ``MetricsError/unequalCounts(predictions:labels:)``.
    public mutating func add(predictions: [Double], targets: [Double]) throws(MetricsError) {
        try MetricsError.requireEqualCounts(predictions.count, targets.count)
        for (prediction, target) in zip(predictions, targets) { add(prediction: prediction, target: target) }
    }

    /// Mean of the squared differences; NaN if nothing was counted.
    public var meanSquaredError: Double { count > 0 ? squaredError / Double(count) : .nan }

    /// Pearson correlation between -1 and 1; NaN where it is undefined, as SciPy answers: fewer than two examples, or
    /// predictions or targets that are all the same.
    public var pearsonCorrelation: Double {
        guard count > 1, predictionMoment > 0, targetMoment > 0 else { return .nan }
        let correlation = coMoment / (predictionMoment.squareRoot() * targetMoment.squareRoot())
        return max(-1, min(1, correlation))
    }
}
