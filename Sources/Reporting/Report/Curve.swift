/// A line of a chart.
struct Curve: Sendable, Hashable {
    /// A step and the value there; a value that is not finite is a gap.
    struct Point: Sendable, Hashable {
        var step: Int
        var value: Double
    }

    /// How a curve is drawn.
    enum Look: String, Sendable, Hashable {
        /// Thin and faint, under the others: every single value.
        case raw
        /// The curve that the chart is about.
        case main
        /// A second quantity on the same axis.
        case second
    }

    var name: String
    var look: Look
    /// In ascending order of steps.
    var points: [Point]
    /// What stands at the curve's right end.
    var label: String?

    /// At most about `limit` points that look the same: of each stretch the lowest and the highest value, in their
    /// order, and one gap where it has any.
    func thinned(to limit: Int) -> [Point] {
        guard points.count > limit, limit >= 2 else { return points }
        let stretches = limit / 2
        var kept: [Point] = []
        kept.reserveCapacity(limit + 2)
        for stretch in 0..<stretches {
            let slice = points[points.count * stretch / stretches..<points.count * (stretch + 1) / stretches]
            let finite = slice.filter { $0.value.isFinite }
            if let gap = slice.first(where: { !$0.value.isFinite }) { kept.append(gap) }
            guard let low = finite.min(by: { $0.value < $1.value }), let high = finite.max(by: { $0.value < $1.value })
            else { continue }
            if low.step == high.step {
                kept.append(low)
            } else {
                kept += low.step < high.step ? [low, high] : [high, low]
            }
        }
        return kept.sorted { $0.step < $1.step }
    }

    /// The curve smoothed over about a thirtieth of it, gaps kept. The mean of an average that comes from the left
    /// and one that comes from the right does not lag behind where the curve falls.
    func smoothed(name: String, label: String?) -> Curve {
        let fromLeft = averaged(points)
        let fromRight = averaged(points.reversed()).reversed()
        let smooth = zip(fromLeft, fromRight).map { left, right in
            Point(step: left.step, value: left.value / 2 + right.value / 2)
        }
        return Curve(name: name, look: .main, points: smooth, label: label)
    }

    private func averaged(_ points: [Point]) -> [Point] {
        var average = ExponentialAverage(span: max(Double(points.count) / 40, 4))
        return points.map { point in
            average.add(point.value)
            return Point(step: point.step, value: point.value.isFinite ? average.value ?? .nan : .nan)
        }
    }

    /// The values that decide how far the axis reaches: all of them, but of many raw ones not the rare outliers.
    var valuesInView: [Double] {
        let finite = points.lazy.map(\.value).filter(\.isFinite)
        guard look == .raw, finite.count > 50 else { return Array(finite) }
        let sorted = finite.sorted()
        let cut = sorted.count / 200
        return Array(sorted[cut..<sorted.count - cut])
    }
}
