import Foundation

extension Axis {
    /// Costs that differ by more than this factor are spread logarithmically.
    private static let logarithmicFrom = 20.0

    /// An axis of what things cost, in which a few hundred stand as clearly as a few million.
    ///
    /// - Parameters:
    ///   - costs: those that are not finite are passed over.
    ///   - format: how a tick is written; nil for as many decimals as the ticks need.
    init(costs: [Double], format: ((Double) -> String)?) {
        let finite = costs.filter(\.isFinite)
        guard let least = finite.min(), let most = finite.max(), least > 0, most / least > Self.logarithmicFrom else {
            let axis = Axis(values: finite, bounds: 0...Double.greatestFiniteMagnitude)
            scale = axis.scale
            lower = axis.lower
            upper = axis.upper
            ticks = axis.ticks.map { Tick(value: $0.value, label: format?($0.value) ?? $0.label) }
            return
        }
        // The same share of room at both ends as a linear axis has.
        let room = pow(most / least, 0.12)
        scale = .logarithmic
        lower = max(least / room, .leastNormalMagnitude)
        upper = min(most * room, .greatestFiniteMagnitude)
        ticks = Self.logarithmicTicks(from: lower, to: upper).map {
            Tick(value: $0, label: format?($0) ?? Self.plain($0))
        }
    }

    private static func plain(_ value: Double) -> String {
        value >= 1 && value < 1e6 ? Quantity.count(Int(value.rounded())) : Quantity.trimmed(Quantity.number(value))
    }

    /// Powers of ten, with their halves and fifths where there are few of them; never more than about six.
    private static func logarithmicTicks(from lower: Double, to upper: Double) -> [Double] {
        let (first, last) = (Int(log10(lower).rounded(.down)), Int(log10(upper).rounded(.down)))
        let decades = log10(upper) - log10(lower)
        let factors = decades < 1.7 ? [1.0, 2, 5] : decades < 3 ? [1.0, 3] : [1.0]
        let every = max((last - first + 5) / 6, 1)
        return stride(from: first, through: last, by: every).flatMap { power in
            factors.map { $0 * pow(10, Double(power)) }
        }.filter { lower...upper ~= $0 }
    }
}
