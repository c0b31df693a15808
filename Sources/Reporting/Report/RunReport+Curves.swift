/// The curves over the steps.
extension RunReport {
    var curveSection: HTML {
        let main = [lossChart, metricChart].map(\.html).filter { !$0.text.isEmpty }
        let small = [rateChart, gradientChart, throughputChart].map(\.html).filter { !$0.text.isEmpty }
        guard !main.isEmpty || !small.isEmpty else {
            return .section("Curves", "<p class=\"none\">No step was recorded.</p>")
        }
        return .section("Curves", "<div class=\"charts main\">\(main)</div>\n<div class=\"charts\">\(small)</div>")
    }

    /// All charts show the same steps.
    private var stepRange: ClosedRange<Int> {
        let recorded = steps.map(\.step) + evaluations.map(\.step)
        guard let first = recorded.min(), let last = recorded.max() else { return 0...0 }
        // One step more to the left gives a long run's axis its zero.
        return (first == 1 && last > 20 ? 0 : first)...last
    }

    private var divergence: [Chart.Mark] {
        firstDivergedStep.map { [Chart.Mark(kind: .bad, step: $0, text: "not a number, step \(Quantity.count($0))")] }
            ?? []
    }

    private func curve(_ name: String, _ look: Curve.Look, _ value: (StepRecord) -> Double?) -> Curve {
        let points = steps.compactMap { step in value(step).map { Curve.Point(step: step.step, value: $0) } }
        return Curve(name: name, look: look, points: points)
    }

    /// A noisy quantity: every value faint, the smoothed course over it.
    private func smoothedCurves(_ name: String, label: String? = nil, _ value: (StepRecord) -> Double?) -> [Curve] {
        var raw = curve(name, .raw, value)
        guard raw.points.count > Self.smoothedFrom else {
            raw.look = .main
            raw.label = label
            return [raw]
        }
        return [raw, raw.smoothed(name: "smoothed", label: label)]
    }

    /// Fewer steps than this have no course to be smoothed.
    private static let smoothedFrom = 10

    private var lossChart: Chart {
        var curves = smoothedCurves("training", label: "training", \.loss)
        if var evaluated = evaluationCurve("loss", look: .second) {
            evaluated.name = evaluations.first?.split ?? ""
            evaluated.label = evaluated.name.shortened(to: 10)
            curves.append(evaluated)
        }
        return Chart(title: "Loss", curves: curves, marks: divergence, steps: stepRange, height: 260)
    }

    private var metricChart: Chart {
        guard let metric = headlineMetric, metric.name != "loss",
            let curve = evaluationCurve(metric.name, look: .main)
        else { return Chart(title: "", curves: [], steps: stepRange) }
        var marks: [Chart.Mark] = []
        if let best = bestEvaluation(by: metric), curve.points.count > 1 {
            marks.append(Chart.Mark(kind: .good, step: best.step, text: "best, step \(Quantity.count(best.step))"))
        }
        let references = comparisons(by: metric).filter { $0.name != "before training" }
        let isShare = Self.shares.contains(metric.name)
        return Chart(
            title: metric.name.inWords.capitalizedFirst, curves: [curve],
            references: references.map { Chart.Reference(name: $0.name, value: $0.value) }, marks: marks,
            steps: stepRange, bounds: isShare ? 0...1 : nil, height: 260)
    }

    /// Metrics that lie between 0 and 1.
    static let shares: Set = ["accuracy", "f1", "f1_macro", "f1_micro", "precision", "recall"]

    private func evaluationCurve(_ metric: String, look: Curve.Look) -> Curve? {
        let points = watchedEvaluations.compactMap { record in
            record.metrics[metric].map { Curve.Point(step: record.step, value: $0) }
        }
        return points.isEmpty ? nil : Curve(name: metric.inWords, look: look, points: points)
    }

    private var rateChart: Chart {
        let curve = curve("learning rate", .main, \.learningRate)
        return Chart(
            title: "Learning rate", curves: [curve], steps: stepRange, bounds: 0...Double.greatestFiniteMagnitude,
            height: 150,
            format: { Quantity.learningRate($0) })
    }

    private var gradientChart: Chart {
        let curves = smoothedCurves("gradient norm", \.gradientNorm)
        return Chart(
            title: "Gradient norm", curves: curves, steps: stepRange, bounds: 0...Double.greatestFiniteMagnitude,
            height: 150)
    }

    private var throughputChart: Chart {
        let curves = smoothedCurves("tokens/s") { step in
            step.seconds > 0 && step.tokens > 0 ? Double(step.tokens) / step.seconds : nil
        }
        return Chart(
            title: "Tokens per second", curves: curves, steps: stepRange, bounds: 0...Double.greatestFiniteMagnitude,
            height: 150,
            format: { Quantity.rate($0) })
    }
}

extension String {
    /// The text with a capital at its beginning.
    var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
