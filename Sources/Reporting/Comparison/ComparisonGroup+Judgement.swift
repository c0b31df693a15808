import Foundation

/// Where a run stands among the others.
extension ComparisonGroup {
    /// What a run costs.
    enum Cost: String, Sendable, CaseIterable {
        case parameters = "trainable_parameters"
        case time = "training_seconds"
        case memory = "peak_memory_bytes"

        /// The word that the table has for it.
        var word: String {
            switch self {
            case .parameters: "parameters"
            case .time: "time"
            case .memory: "memory"
            }
        }

        func of(_ result: ComparedResult) -> Double {
            switch self {
            case .parameters: Double(result.trainableParameters)
            case .time: result.trainingSeconds
            case .memory: Double(result.peakMemoryBytes)
            }
        }

        /// The cost as far as it can be told from that of another run: times differ by some per cent from one time to
        /// the next, memory by less, and nobody is on a front for that.
        func comparable(_ result: ComparedResult) -> Double {
            switch self {
            case .parameters: of(result)
            case .time: of(result).rounded(digits: 2)
            case .memory: of(result).rounded(digits: 3)
            }
        }
    }

    /// Names of the runs that no other run beats in the metric at no higher cost, cheapest first.
    func front(_ cost: Cost) -> [String] {
        guard let metric else { return [] }
        let points = runs.map { run in
            ParetoFront.Point(cost: run.result.map(cost.comparable) ?? .nan, value: value(run) ?? .nan)
        }
        return ParetoFront.places(of: points, greaterIsBetter: metric.greaterIsBetter).map { runs[$0].name }
    }

    /// The costs for which a run is on the front.
    func fronts(_ run: ComparedRun) -> [Cost] {
        Cost.allCases.filter { front($0).contains(run.name) }
    }

    /// A run that is no worse in the metric and in every cost, and better in one of them.
    func dominator(of run: ComparedRun) -> ComparedRun? {
        guard let metric, let result = run.result, let value = value(run) else { return nil }
        return runs.first { other in
            guard let rival = other.result, let rivalValue = self.value(other) else { return false }
            let costs = Cost.allCases.map { ($0.comparable(rival), $0.comparable(result)) }
            let isNoWorse = !metric.prefers(value, over: rivalValue) && costs.allSatisfy { $0.0 <= $0.1 }
            return isNoWorse && (rivalValue != value || costs.contains { $0.0 < $0.1 })
        }
    }

    /// Whether chance alone explains a difference of shares of rows: below two standard errors of two independent
    /// samples. Of other metrics nothing is known.
    func isChance(_ run: ComparedRun, _ other: ComparedRun) -> Bool {
        guard metric?.name == "accuracy", let value = value(run), let otherValue = self.value(other),
            let rows = run.result?.evaluatedRows, let otherRows = other.result?.evaluatedRows
        else { return false }
        let variance = value * (1 - value) / Double(rows) + otherValue * (1 - otherValue) / Double(otherRows)
        return abs(value - otherValue) < 2 * variance.squareRoot()
    }

    /// In words, where the run wins and where it loses.
    func verdicts(_ run: ComparedRun) -> [String] {
        guard run.result != nil, let metric, let value = value(run) else { return [] }
        var verdicts: [String] = []
        for (method, name) in [(Self.lora, "LoRA"), (Self.full, "full tuning")] {
            guard let reference = reference(method), let other = self.value(reference) else { continue }
            if reference.name == run.name {
                if runs.contains(where: { $0.name != run.name && self.value($0) != nil }) {
                    verdicts.append("the \(name) that the others are measured by")
                }
            } else if value == other {
                verdicts.append("equal to \(name)")
            } else {
                let verdict = metric.prefers(value, over: other) ? "beats \(name)" : "loses to \(name)"
                verdicts.append(verdict + (isChance(run, reference) ? ", within chance" : ""))
            }
        }
        if let probe = probe(run), !metric.prefers(value, over: probe) {
            verdicts.append(value == probe ? "equal to the linear probe" : "loses to the linear probe")
        }
        if let dominator = dominator(of: run) {
            verdicts.append("\(dominator.name) does no worse at no higher cost")
        }
        return verdicts
    }
}

extension Double {
    /// The nearest number with so many significant digits.
    fileprivate func rounded(digits: Int) -> Double {
        guard isFinite, self != 0 else { return self }
        let scale = pow(10, Double(digits - 1) - log10(abs(self)).rounded(.down))
        return (self * scale).rounded() / scale
    }
}
