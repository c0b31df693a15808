/// Places names beside points so that they cover neither each other nor the points.
struct LabelLayout {
    /// Where a name stands, from its point.
    struct Label: Hashable {
        var dx: Double
        var dy: Double
        /// The name's end that stands there, in SVG's word.
        var anchor: HTML
    }

    private struct Box {
        var left: Double
        var right: Double
        var top: Double
        var bottom: Double

        func overlaps(_ other: Box) -> Bool {
            left < other.right && other.left < right && top < other.bottom && other.top < bottom
        }
    }

    private let points: [(x: Double, y: Double)]
    private let width: Double
    private let height: Double
    private var taken: [Box] = []

    /// Sizes of the page's small letters; wide ones, so that what fits here fits everywhere.
    private static let letter = 6.8
    private static let line = 13.0
    private static let radius = 5.0
    /// How far a name may stand out of the plot at its right side.
    private static let overhang = 12.0

    /// Prepares to place names, in pixels.
    init(points: [(x: Double, y: Double)], width: Double, height: Double) {
        self.points = points
        self.width = width
        self.height = height
    }

    /// A place for the name of a point; nil where there is no room. What is placed is taken.
    mutating func place(_ name: String, at point: Int) -> Label? {
        let length = Double(name.count) * Self.letter
        let (x, y) = points[point]
        let candidates: [(label: Label, left: Double, middle: Double)] = [
            (Label(dx: 9, dy: 4, anchor: "start"), x + 9, y),
            (Label(dx: -9, dy: 4, anchor: "end"), x - 9 - length, y),
            (Label(dx: 0, dy: -9, anchor: "middle"), x - length / 2, y - 13),
            (Label(dx: 0, dy: 18, anchor: "middle"), x - length / 2, y + 14),
            (Label(dx: 6, dy: -8, anchor: "start"), x + 6, y - 12),
            (Label(dx: 6, dy: 16, anchor: "start"), x + 6, y + 12),
            (Label(dx: -6, dy: -8, anchor: "end"), x - 6 - length, y - 12),
            (Label(dx: -6, dy: 16, anchor: "end"), x - 6 - length, y + 12),
        ]
        for candidate in candidates {
            let box = Box(
                left: candidate.left, right: candidate.left + length, top: candidate.middle - Self.line / 2,
                bottom: candidate.middle + Self.line / 2)
            guard isInside(box), !taken.contains(where: box.overlaps), !coversPoint(box, except: point) else {
                continue
            }
            taken.append(box)
            return candidate.label
        }
        return nil
    }

    private func isInside(_ box: Box) -> Bool {
        box.left >= 0 && box.right <= width + Self.overhang && box.top >= -Self.line && box.bottom <= height
    }

    private func coversPoint(_ box: Box, except own: Int) -> Bool {
        points.indices.contains { place in
            let (x, y) = points[place]
            let around = Box(
                left: x - Self.radius, right: x + Self.radius, top: y - Self.radius, bottom: y + Self.radius)
            return place != own && box.overlaps(around)
        }
    }
}
