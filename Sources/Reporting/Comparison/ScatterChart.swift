/// Named points between what they cost and what they bring, with the front of those that nothing beats.
struct ScatterChart: Sendable {
    /// A named point.
    struct Point: Sendable, Hashable {
        var name: String
        var cost: Double
        var value: Double
        /// Whether no other point beats it.
        var isOnFront: Bool
        /// Whether its name is shown before others where there is little room.
        var isReference = false
    }

    var title: String
    var points: [Point]
    /// Ends that the value axis does not cross where the values do not.
    var bounds: ClosedRange<Double>?
    /// Height of the plot in CSS pixels.
    var height = 260
    /// How a tick of the costs is written; nil for as many decimals as the ticks need.
    var formatTick: (@Sendable (Double) -> String)?
    /// How a cost and a value are written.
    var formatCost: @Sendable (Double) -> String
    var formatValue: @Sendable (Double) -> String = { Quantity.number($0) }

    /// Width of the plot for which names are placed; wider ones only have more room.
    private static let width = 300.0

    /// The chart as a figure; nothing if fewer than two points have numbers.
    var html: HTML {
        let shown = points.filter { $0.cost.isFinite && $0.value.isFinite }
        guard shown.count > 1 else { return HTML() }
        let frame = Frame(
            horizontal: Axis(costs: shown.map(\.cost), format: formatTick),
            vertical: Axis(values: shown.map(\.value), bounds: bounds), height: height)
        let front = shown.indices.filter { shown[$0].isOnFront }.sorted { shown[$0].cost < shown[$1].cost }
        let isLogarithmic = frame.horizontal.scale == .logarithmic
        return """
            <figure class="chart">
            <figcaption>\(title)\(isLogarithmic ? " <small>logarithmic</small>" as HTML : "")</figcaption>
            <div class="plot" style="height:\(height)px">
            <svg width="100%" height="100%" role="img" aria-label="\(summary(shown, front))">
            \(frame.axes)
            <svg viewBox="0 0 1000 1000" preserveAspectRatio="none" width="100%" height="100%">
            \(staircase(front.map { shown[$0] }, frame))
            </svg>
            \(names(shown, Set(front), frame))
            \(dots(shown, Set(front), frame))
            </svg>
            </div>
            </figure>

            """
    }

    /// The front in words, for those who do not see it.
    private func summary(_ shown: [Point], _ front: [Int]) -> String {
        let names = front.map { place in
            let point = shown[place]
            return "\(point.name) with \(formatValue(point.value)) at \(formatCost(point.cost))"
        }
        return "\(title), \(shown.count) runs; on the front: \(names.joined(separator: "; "))"
    }

    /// The border of what is reached at each cost.
    private func staircase(_ front: [Point], _ frame: Frame) -> HTML {
        guard let first = front.first else { return HTML() }
        func x(_ point: Point) -> Double { frame.horizontal.position(point.cost) * 1000 }
        func y(_ point: Point) -> Double { frame.top(point.value) * 1000 }
        var path: HTML = "M\(coordinate: x(first)) \(coordinate: y(first))"
        for point in front.dropFirst() { path = "\(path)H\(coordinate: x(point))V\(coordinate: y(point))" }
        return "<path class=\"front\" d=\"\(path)H1000\"/>"
    }

    private func dots(_ shown: [Point], _ front: Set<Int>, _ frame: Frame) -> HTML {
        HTML(
            shown.indices.map { place in
                let point = shown[place]
                let text = "\(point.name)\n\(formatValue(point.value)) at \(formatCost(point.cost))"
                return """
                    <circle class="\(front.contains(place) ? "front" : "beaten")" \
                    cx="\(coordinate: frame.horizontal.position(point.cost) * 100)%" \
                    cy="\(coordinate: frame.top(point.value) * 100)%" r="4.5"><title>\(text)</title></circle>

                    """
            })
    }

    /// Names beside their points, as far as there is room: the front's first, then references, then the others.
    private func names(_ shown: [Point], _ front: Set<Int>, _ frame: Frame) -> HTML {
        let places = shown.map { point in
            (x: frame.horizontal.position(point.cost) * Self.width, y: frame.top(point.value) * Double(height))
        }
        var layout = LabelLayout(points: places, width: Self.width, height: Double(height))
        let order = shown.indices.sorted { left, right in
            func rank(_ place: Int) -> Int { front.contains(place) ? 0 : shown[place].isReference ? 1 : 2 }
            return (rank(left), left) < (rank(right), right)
        }
        return HTML(
            order.compactMap { place -> HTML? in
                let name = shown[place].name.shortened(to: 24)
                guard let label = layout.place(name, at: place) else { return nil }
                return """
                    <text class="\(front.contains(place) ? "front" : "beaten")" \
                    x="\(coordinate: places[place].x / Self.width * 100)%" dx="\(coordinate: label.dx)" \
                    y="\(coordinate: places[place].y / Double(height) * 100)%" dy="\(coordinate: label.dy)" \
                    text-anchor="\(label.anchor)">\(name)</text>

                    """
            })
    }
}
