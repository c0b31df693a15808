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

/// Two axes, and how things are drawn between them.
private struct Frame {
    var horizontal: Axis
    var vertical: Axis
    var height: Int

    func left(_ step: Int) -> Double { horizontal.position(Double(step)) }
    func top(_ value: Double) -> Double { 1 - vertical.position(value) }

    var axes: HTML {
        let rows = vertical.ticks.map { tick -> HTML in
            let top = top(tick.value) * 100
            return """
                <line class="grid" x1="0" x2="100%" y1="\(coordinate: top)%" y2="\(coordinate: top)%"/>\
                <text class="tick" x="-8" y="\(coordinate: top)%" dy=".33em" text-anchor="end">\(tick.label)</text>
                """
        }
        let columns = horizontal.ticks.map { tick -> HTML in
            let left = horizontal.position(tick.value) * 100
            return """
                <text class="tick" x="\(coordinate: left)%" y="100%" dy="18" text-anchor="middle">\(tick.label)</text>
                """
        }
        return "\(rows)<line class=\"axis\" x1=\"0\" x2=\"100%\" y1=\"100%\" y2=\"100%\"/>\(columns)"
    }

    /// A line that breaks where a value is not finite.
    func path(_ points: [Curve.Point], _ look: Curve.Look) -> HTML {
        var commands: [HTML] = []
        var isPenDown = false
        for point in points {
            let (x, y) = (left(point.step) * 1000, top(point.value) * 1000)
            guard point.value.isFinite, y.isFinite else {
                isPenDown = false
                continue
            }
            // Far outside is as good as infinitely far, and renderers dislike huge coordinates.
            let seen = min(max(y, -10_000), 10_000)
            commands.append("\(isPenDown ? "L" : "M")\(coordinate: x) \(coordinate: seen)")
            isPenDown = true
        }
        return "<path class=\"\(look.rawValue)\" d=\"\(commands)\"/>"
    }

    func dots(_ curve: Curve) -> HTML {
        HTML(
            curve.points.filter { $0.value.isFinite }.map { point in
                """
                <circle class="\(curve.look.rawValue)" cx="\(coordinate: left(point.step) * 100)%" \
                cy="\(coordinate: top(point.value) * 100)%" r="3"/>
                """
            })
    }

    func line(of reference: Chart.Reference) -> HTML {
        let y = top(reference.value) * 1000
        guard y.isFinite else { return HTML() }
        return "<path class=\"reference\" d=\"M0 \(coordinate: y)L1000 \(coordinate: y)\"/>"
    }

    /// A good step is a ring around its dot; a bad one a line across with its words beside it.
    func mark(_ mark: Chart.Mark, curves: [Curve]) -> HTML {
        let x = left(mark.step) * 100
        switch mark.kind {
        case .good:
            let point = curves.lazy.flatMap(\.points).first { $0.step == mark.step && $0.value.isFinite }
            guard let point else { return HTML() }
            return """
                <circle class="best" cx="\(coordinate: x)%" cy="\(coordinate: top(point.value) * 100)%" r="6.5">\
                <title>\(mark.text)</title></circle>
                """
        case .bad:
            let isRight = x > 50
            return """
                <line class="bad" x1="\(coordinate: x)%" x2="\(coordinate: x)%" y1="0" y2="100%"/>\
                <text class="bad" x="\(coordinate: x)%" dx="\(isRight ? -6 : 6)" y="12" \
                text-anchor="\(isRight ? "end" : "start")">\(mark.text)</text>
                """
        }
    }

    /// Names: a curve's at its right end, a reference's on its line.
    func labels(_ references: [Chart.Reference], _ curves: [Curve], format: (Double) -> String) -> HTML {
        let names = references.compactMap { reference -> HTML? in
            let y = top(reference.value)
            guard y.isFinite else { return nil }
            // Below the line where there is no room above it.
            let offset = y * Double(height) < 18 ? 14 : -6
            return """
                <text class="reference" x="100%" text-anchor="end" y="\(coordinate: y * 100)%" dy="\(offset)">\
                \(reference.name) \(format(reference.value))</text>
                """
        }
        let ends = curves.compactMap { curve -> (curve: Curve, top: Double)? in
            guard curve.label != nil, let last = curve.points.last(where: { $0.value.isFinite }) else { return nil }
            return (curve, min(max(top(last.value), 0), 1) * Double(height))
        }
        let tops = Self.spread(ends.map(\.top), apart: 15, within: Double(height))
        let endNames = zip(ends, tops).map { end, top -> HTML in
            """
            <text class="\(end.curve.look.rawValue)" x="100%" dx="9" y="\(coordinate: top / Double(height) * 100)%" \
            dy=".33em">\(end.curve.label ?? "")</text>
            """
        }
        return "\(names)\(endNames)"
    }

    /// Moves places, in any order, so that they are `apart` from one another and do not leave the height.
    static func spread(_ places: [Double], apart: Double, within height: Double) -> [Double] {
        let order = places.indices.sorted { places[$0] < places[$1] }
        var result = places
        var least = -Double.infinity
        for index in order {
            result[index] = max(places[index], least)
            least = result[index] + apart
        }
        var most = height
        for index in order.reversed() {
            result[index] = min(result[index], most)
            most = result[index] - apart
        }
        return result
    }
}
