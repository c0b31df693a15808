/// An average in which older values count less and less, without a bias towards the start (Kingma and Ba 2015, 3).
struct ExponentialAverage: Sendable, Hashable {
    private let decay: Double
    private var weighted = 0.0
    private var weight = 0.0

    /// - Parameter span: about how many values count.
    init(span: Double) {
        decay = 1 - 1 / max(span, 1)
    }

    /// Adds a value; one that is not finite is passed over.
    mutating func add(_ value: Double) {
        guard value.isFinite else { return }
        weighted = decay * weighted + (1 - decay) * value
        weight = decay * weight + (1 - decay)
    }

    /// The average; nil before the first value.
    var value: Double? { weight > 0 ? weighted / weight : nil }
}
