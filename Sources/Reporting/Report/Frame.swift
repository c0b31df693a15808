/// Two axes, and how things are drawn between them.
struct Frame {
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
        let tops = Frame.spread(ends.map(\.top), apart: 15, within: Double(height))
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
