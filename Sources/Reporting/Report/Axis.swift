import Foundation

/// An axis: the range of values that it shows and the places that are labelled.
struct Axis: Sendable, Hashable {
    /// How values are spread over the axis.
    enum Scale: Sendable, Hashable { case linear, logarithmic }

    /// A labelled place.
    struct Tick: Sendable, Hashable {
        var value: Double
        var label: String
    }

    let scale: Scale
    let lower: Double
    let upper: Double
    let ticks: [Tick]

    /// An axis of whole numbers from `lower` to `upper`, which are its ends.
    init(steps lower: Int, to upper: Int) {
        scale = .linear
        let isPoint = upper <= lower
        self.lower = isPoint ? Double(lower) - 0.5 : Double(lower)
        self.upper = isPoint ? Double(lower) + 0.5 : Double(upper)
        let step = max(Self.niceStep((self.upper - self.lower) / 5), 1)
        ticks = Self.multiples(of: step, from: self.lower, to: self.upper).map {
            Tick(value: $0, label: Quantity.count(Int($0)))
        }
    }

    /// An axis that holds all `values` with a little room around them. Positive values that span more than three
    /// powers of ten are spread logarithmically.
    ///
    /// - Parameters:
    ///   - values: those that are not finite are passed over.
    ///   - bounds: ends that the room does not cross, for quantities that have them; 0 for a rate.
    init(values: [Double], bounds: ClosedRange<Double>? = nil) {
        let finite = values.filter(\.isFinite)
        let least = finite.min() ?? 0
        let most = finite.max() ?? 1
        if least > 0, most / least > 1000 {
            scale = .logarithmic
            lower = max(least / 1.25, .leastNormalMagnitude)
            upper = min(most, .greatestFiniteMagnitude / 2) * 1.25
            ticks = Self.powersOfTen(from: lower, to: upper)
            return
        }
        scale = .linear
        // Halved before they are subtracted: the span of the largest numbers is no number.
        let halfSpan = most / 2 - least / 2
        let room = halfSpan > 0 ? halfSpan * 0.16 : max(abs(most) * 0.1, 1e-12)
        var (low, high) = (least - room, most + room)
        if let bounds {
            if least >= bounds.lowerBound { low = max(low, bounds.lowerBound) }
            if most <= bounds.upperBound { high = min(high, bounds.upperBound) }
        }
        if !(low < high) { (low, high) = (low - 0.5, low + 0.5) }
        guard low.isFinite, high.isFinite, (high - low).isFinite else {
            (lower, upper, ticks) = (-1, 1, [])
            return
        }
        (lower, upper) = (low, high)
        let step = Self.niceStep((high - low) / 5, factors: [1, 2, 2.5, 5])
        ticks = Self.multiples(of: step, from: low, to: high).map {
            Tick(value: $0, label: Self.label($0, step: step))
        }
    }

    /// Where a value stands on the axis: 0 at the lower end, 1 at the upper, beyond them outside.
    func position(_ value: Double) -> Double {
        switch scale {
        case .linear: (value - lower) / (upper - lower)
        case .logarithmic: value > 0 ? (log(value) - log(lower)) / (log(upper) - log(lower)) : -1
        }
    }

    /// The smallest of some factors times a power of ten that is not below `step`.
    private static func niceStep(_ step: Double, factors: [Double] = [1, 2, 5]) -> Double {
        guard step > 0, step.isFinite else { return 1 }
        let power = pow(10, log10(step).rounded(.down))
        for factor in factors where factor * power >= step * (1 - 1e-9) { return factor * power }
        return 10 * power
    }

    private static func multiples(of step: Double, from lower: Double, to upper: Double) -> [Double] {
        let first = (lower / step - 1e-9).rounded(.up)
        let last = (upper / step + 1e-9).rounded(.down)
        // Neighbouring numbers may be further apart than a step when the values are huge and close together.
        guard first.isFinite, last.isFinite, last - first < 20, abs(last) < 1e15 else { return [] }
        return stride(from: first, through: last, by: 1).map { $0 * step + 0 }
    }

    private static func powersOfTen(from lower: Double, to upper: Double) -> [Tick] {
        let first = Int(log10(lower).rounded(.up))
        let last = Int(log10(upper).rounded(.down))
        guard first <= last else { return [] }
        let stride = max((last - first + 4) / 5, 1)
        return Swift.stride(from: first, through: last, by: stride).map { power in
            let value = pow(10, Double(power))
            return Tick(value: value, label: label(power: power))
        }
    }

    private static func label(power: Int) -> String {
        switch power {
        case 0...4: Quantity.count(Int(pow(10, Double(power))))
        case -3..<0: Quantity.fixed(pow(10, Double(power)), decimals: -power)
        default: "1e\(power)"
        }
    }

    /// All labels of an axis have as many decimals as its step needs.
    private static func label(_ value: Double, step: Double) -> String {
        let size = max(abs(value), step)
        guard size < 1e6, step >= 1e-4 else {
            let digits = decimals(step / pow(10, log10(size).rounded(.down)))
            return value == 0 ? "0" : shortExponent(String(format: "%.*e", digits, value))
        }
        let decimals = decimals(step)
        return decimals == 0 ? Quantity.count(Int(value.rounded())) : Quantity.fixed(value, decimals: decimals)
    }

    /// Digits after the point that a step needs, and with it its multiples.
    private static func decimals(_ step: Double) -> Int {
        var scaled = step
        for decimals in 0..<6 {
            if abs(scaled - scaled.rounded()) < 1e-6 * scaled { return decimals }
            scaled *= 10
        }
        return 6
    }

    /// `5e-5` for `5.0e-05`, `2e6` for `2e+06`.
    private static func shortExponent(_ text: String) -> String {
        let parts = text.split(separator: "e")
        guard parts.count == 2, let exponent = Int(parts[1]) else { return text }
        return "\(Quantity.trimmed(String(parts[0])))e\(exponent)"
    }
}
