/// How wide a bottleneck is: a number of channels, or a share of the residual's.
struct BottleneckWidth: Equatable, Sendable {
    /// Channels.
    var bottleneck: Int?
    /// Channels of the residual for each of the bottleneck.
    var reductionFactor: Double?

    /// - Throws: `MethodError.option` for numbers that are none, or two that contradict each other.
    func validate() throws {
        if let bottleneck, bottleneck <= 0 {
            throw MethodError.option("bottleneck: must be positive, found \(bottleneck)")
        }
        if let reductionFactor, !(reductionFactor > 0 && reductionFactor.isFinite) {
            throw MethodError.option("reduction_factor: must be positive, found \(reductionFactor)")
        }
        if bottleneck != nil, reductionFactor != nil {
            throw MethodError.option("bottleneck and reduction_factor say the same thing twice: set one of them")
        }
    }

    /// Channels of the bottleneck at a residual of `size` channels; at least one.
    func channels(of size: Int) throws -> Int {
        if let bottleneck { return bottleneck }
        let share = (Double(size) / (reductionFactor ?? 1)).rounded(.down)
        guard let channels = Int(exactly: share), channels <= 1 << 24 else {
            throw MethodError.option("reduction_factor: \(reductionFactor ?? 1) makes a bottleneck that is too wide")
        }
        return max(1, channels)
    }
}
