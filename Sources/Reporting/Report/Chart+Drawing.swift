extension Chart {
    /// Points that a curve is drawn with, and columns that tell their values when pointed at.
    private static let drawnPoints = 600
    private static let columns = 120
    /// Curves of at most so many points show each as a dot.
    private static let dottedPoints = 40

    /// The chart as a figure; nothing if no curve has a number.
    var html: HTML {
        guard curves.contains(where: { $0.points.contains { $0.value.isFinite } }) else { return HTML() }
        let horizontal = Axis(steps: steps.lowerBound, to: steps.upperBound)
        let values = curves.flatMap(\.valuesInView) + references.map(\.value)
        let frame = Frame(horizontal: horizontal, vertical: Axis(values: values, bounds: bounds), height: height)
        return """
            <figure class="chart">
            <figcaption>\(title)\(note(frame.vertical))</figcaption>
            <div class="plot\(hasLabels ? " labelled" : "")" style="height:\(height)px">
            <svg width="100%" height="100%" role="img" aria-label="\(summary)">
            \(frame.axes)
            <svg viewBox="0 0 1000 1000" preserveAspectRatio="none" width="100%" height="100%">
            \(references.map { frame.line(of: $0) })\(curves.map { frame.path($0.thinned(to: Self.drawnPoints), $0.look) })
            </svg>
            \(curves.filter { $0.points.count <= Self.dottedPoints && $0.look != .raw }.map { frame.dots($0) })
            \(marks.map { frame.mark($0, curves: curves) })
            \(frame.labels(references, curves, format: format))
            \(hoverColumns(horizontal))
            </svg>
            </div>
            </figure>

            """
    }

    /// What the axis does not say by itself.
    private func note(_ axis: Axis) -> HTML {
        var notes: [String] = []
        if axis.scale == .logarithmic { notes.append("logarithmic") }
        let highest = curves.flatMap(\.points).map(\.value).filter(\.isFinite).max() ?? axis.lower
        // A peak that is cut by a little still looks like the peak that it is.
        if axis.position(highest) > 1.25 { notes.append("peaks up to \(format(highest)) are cut off") }
        return notes.isEmpty ? HTML() : " <small>\(notes.joined(separator: ", "))</small>"
    }

    private var hasLabels: Bool { curves.contains { $0.label != nil } }

    /// The chart in words, for those who do not see it.
    private var summary: String {
        let curves = curves.filter { $0.look != .raw }.compactMap { curve -> String? in
            let finite = curve.points.filter { $0.value.isFinite }
            guard let first = finite.first, let last = finite.last else { return nil }
            return "\(curve.name) from \(format(first.value)) at step \(first.step) "
                + "to \(format(last.value)) at step \(last.step)"
        }
        return "\(title): " + curves.joined(separator: "; ")
    }

    /// Invisible columns over the plot; the browser shows the title of the one that is pointed at.
    private func hoverColumns(_ axis: Axis) -> HTML {
        let (first, last) = (steps.lowerBound, steps.upperBound)
        let span = Swift.max(last - first + 1, 1)
        let count = Swift.min(span, Self.columns)
        // One pass per curve: the last point that falls into each column speaks for it.
        var lines = [[String]](repeating: [], count: count)
        var ends = [Int?](repeating: nil, count: count)
        for curve in curves {
            var latest = [Curve.Point?](repeating: nil, count: count)
            for point in curve.points where steps.contains(point.step) {
                latest[(point.step - first) * count / span] = point
            }
            for (column, point) in latest.enumerated() {
                guard let point else { continue }
                lines[column].append("\(curve.name) \(format(point.value))")
                ends[column] = Swift.max(ends[column] ?? 0, point.step)
            }
        }
        let half = 0.5 / (axis.upper - axis.lower)
        return HTML(
            (0..<count).compactMap { column -> HTML? in
                guard let step = ends[column] else { return nil }
                let left = axis.position(Double(first + column * span / count)) - half
                let width = Double(span) / Double(count) / (axis.upper - axis.lower)
                let text = (["step \(Quantity.count(step))"] + lines[column]).joined(separator: "\n")
                return """
                    <rect class="hover" x="\(coordinate: left * 100)%" width="\(coordinate: width * 100)%" \
                    height="100%"><title>\(text)</title></rect>
                    """
            })
    }
}
