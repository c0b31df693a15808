/// Which of several choices are not beaten: the front of cost against value.
enum ParetoFront {
    /// What a choice costs, and what it brings.
    struct Point: Sendable, Hashable {
        var cost: Double
        var value: Double
    }

    /// Places of the points that no other point beats, in ascending order of cost, then in that of the places. A point
    /// is beaten by one that costs no more and brings no less and is better in at least one of the two; equal points
    /// stay together. Points with numbers that are not finite are on no front.
    static func places(of points: [Point], greaterIsBetter: Bool) -> [Int] {
        let finite = points.indices.filter { points[$0].cost.isFinite && points[$0].value.isFinite }
        func worth(_ place: Int) -> Double { greaterIsBetter ? points[place].value : -points[place].value }
        let order = finite.sorted { left, right in
            if points[left].cost != points[right].cost { return points[left].cost < points[right].cost }
            if worth(left) != worth(right) { return worth(left) > worth(right) }
            return left < right
        }
        var front: [Int] = []
        for place in order {
            guard let last = front.last else {
                front.append(place)
                continue
            }
            let isEqual = points[place].cost == points[last].cost && worth(place) == worth(last)
            if isEqual || worth(place) > worth(last) { front.append(place) }
        }
        return front
    }
}
