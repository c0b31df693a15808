import Testing

@testable import Reporting

@Suite("Pareto fronts")
struct ParetoFrontTests {
    private func places(_ points: [(Double, Double)], greaterIsBetter: Bool = true) -> [Int] {
        let points = points.map { ParetoFront.Point(cost: $0.0, value: $0.1) }
        return ParetoFront.places(of: points, greaterIsBetter: greaterIsBetter)
    }

    @Test("what is beaten in both is not on the front")
    func beaten() {
        #expect(places([(3, 0.9), (1, 0.5), (2, 0.4), (2, 0.7), (4, 0.8)]) == [1, 3, 0])
    }

    @Test("of equal costs the best value counts, of equal values the lowest cost")
    func ties() {
        #expect(places([(1, 0.5), (1, 0.6)]) == [1])
        #expect(places([(2, 0.5), (1, 0.5)]) == [1])
    }

    @Test("equal points stay together")
    func equal() {
        #expect(places([(1, 0.5), (2, 0.9), (1, 0.5)]) == [0, 2, 1])
    }

    @Test("a lower loss is the better one")
    func loss() {
        #expect(places([(1, 2), (2, 1), (3, 1.5)], greaterIsBetter: false) == [0, 1])
    }

    @Test("what is no number is on no front")
    func notFinite() {
        #expect(places([(1, .nan), (.nan, 1), (.infinity, 2), (2, 0.1)]) == [3])
        #expect(places([]).isEmpty)
    }

    @Test("no point of a front is beaten by any point, and every other one is")
    func definition() {
        let points = (0..<200).map { (place: Int) -> ParetoFront.Point in
            ParetoFront.Point(cost: Double(place * 37 % 50), value: Double(place * 61 % 47))
        }
        func beats(_ left: ParetoFront.Point, _ right: ParetoFront.Point) -> Bool {
            guard left.cost <= right.cost, left.value >= right.value else { return false }
            return left != right
        }
        let front = Set(ParetoFront.places(of: points, greaterIsBetter: true))
        for (place, point) in points.enumerated() {
            let isBeaten = points.contains { beats($0, point) }
            #expect(front.contains(place) != isBeaten)
        }
    }
}
