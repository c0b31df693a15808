import Testing

@testable import Reporting

@Suite("Charts")
struct ChartTests {
    @Test(
        "ticks are round numbers with as many decimals as they need",
        arguments: [
            ([0.0, 1], ["0.00", "0.25", "0.50", "0.75", "1.00"]), ([0.61, 0.74], ["0.60", "0.65", "0.70", "0.75"]),
            ([1500, 2300], ["1,600", "1,800", "2,000", "2,200"]),
            ([0, 5e-4], ["0.0000", "0.0002", "0.0004"]), ([3, 3], ["2.8", "3.0", "3.2"]),
            ([0, 2e-5], ["0", "5e-6", "1e-5", "1.5e-5", "2e-5"]),
        ] as [([Double], [String])])
    func ticks(values: [Double], labels: [String]) {
        let axis = Axis(values: values)
        #expect(axis.ticks.map(\.label) == labels)
        for tick in axis.ticks { #expect((-1e-9...1 + 1e-9).contains(axis.position(tick.value))) }
    }

    @Test(
        "any values make an axis",
        arguments: [
            [], [.nan, .infinity], [0], [-1e308, 1e308], [1e-307, 2e-307], [5e15, 5e15 + 1], [1e-300, 1e300],
            [Double.greatestFiniteMagnitude], [-.greatestFiniteMagnitude, .greatestFiniteMagnitude], [-3, -3],
            [Double.leastNonzeroMagnitude], [Double.leastNonzeroMagnitude, Double.greatestFiniteMagnitude],
        ] as [[Double]])
    func anyValues(_ values: [Double]) {
        let axis = Axis(values: values, bounds: 0...1)
        #expect(axis.lower < axis.upper)
        #expect(axis.ticks.count < 20)
        for tick in axis.ticks { #expect(tick.value.isFinite) }
        let points = values.enumerated().map { Curve.Point(step: $0.offset, value: $0.element) }
        let chart = Chart(
            title: "t", curves: [Curve(name: "c", look: .main, points: points)], steps: 0...max(values.count - 1, 0))
        #expect(!chart.html.text.contains("nan"))
        #expect(!chart.html.text.contains("inf"))
    }

    @Test("wide ranges of positive values become logarithmic")
    func logarithmic() {
        let axis = Axis(values: [0.001, 10_000])
        #expect(axis.scale == .logarithmic)
        #expect(axis.ticks.map(\.label) == ["0.001", "0.1", "10", "1,000"])
        #expect(axis.position(0) < 0)
        #expect(Axis(values: [0, 10_000]).scale == .linear)
    }

    @Test(
        "steps are labelled by whole numbers",
        arguments: [
            (0, 500, ["0", "100", "200", "300", "400", "500"]), (1, 3, ["1", "2", "3"]), (7, 7, ["7"]),
            (0, 20_000, ["0", "5,000", "10,000", "15,000", "20,000"]), (5, 1, ["5"]),
        ])
    func steps(first: Int, last: Int, labels: [String]) {
        #expect(Axis(steps: first, to: last).ticks.map(\.label) == labels)
    }

    @Test("a thinned curve keeps its peaks, its gaps and its order")
    func thinned() {
        var points = (0..<10_000).map { Curve.Point(step: $0, value: 1) }
        points[1234].value = 99
        points[4321].value = -99
        points[7777].value = .nan
        let thin = Curve(name: "", look: .raw, points: points).thinned(to: 200)
        #expect(thin.count <= 201)
        #expect(thin.contains { $0.value == 99 } && thin.contains { $0.value == -99 })
        #expect(thin.contains { $0.value.isNaN && $0.step == 7777 })
        #expect(thin.map(\.step) == thin.map(\.step).sorted())
    }

    @Test("smoothing does not lag, and keeps gaps")
    func smoothed() {
        var points = (0..<400).map { Curve.Point(step: $0, value: Double($0)) }
        points[200].value = .nan
        let smooth = Curve(name: "", look: .raw, points: points).smoothed(name: "s", label: nil).points
        #expect(abs(smooth[100].value - 100) < 0.5)
        #expect(smooth[200].value.isNaN)
        #expect(smooth[201].value.isFinite)
    }

    @Test("rare outliers of a noisy curve do not decide the axis")
    func outliers() {
        var points = (0..<1000).map { Curve.Point(step: $0, value: Double($0 % 7)) }
        points[500].value = 1e9
        #expect(Curve(name: "", look: .raw, points: points).valuesInView.max() == 6)
        #expect(Curve(name: "", look: .main, points: points).valuesInView.max() == 1e9)
    }

    @Test("a curve breaks at a gap")
    func gap() {
        let points = [1, 2, .nan, 3, 4].enumerated().map { Curve.Point(step: $0.offset, value: $0.element) }
        let html = Chart(title: "t", curves: [Curve(name: "c", look: .main, points: points)], steps: 0...4).html.text
        let path = html.firstMatch(of: /class="main" d="([^"]*)"/)?.1 ?? ""
        #expect(path.filter { $0 == "M" }.count == 2)
        #expect(path.filter { $0 == "L" }.count == 2)
    }

    @Test("every recorded step is told where it is pointed at")
    func hover() {
        let points = (1...3).map { Curve.Point(step: $0, value: Double($0) / 2) }
        let html = Chart(title: "t", curves: [Curve(name: "c", look: .main, points: points)], steps: 1...3).html.text
        #expect(html.contains("<title>step 2\nc 1.000</title>"))
    }

    @Test("a chart without a number is no chart")
    func empty() {
        let points = [Curve.Point(step: 1, value: .nan)]
        #expect(Chart(title: "t", curves: [], steps: 0...0).html.text.isEmpty)
        #expect(
            Chart(title: "t", curves: [Curve(name: "c", look: .main, points: points)], steps: 1...1).html.text.isEmpty)
    }
}
