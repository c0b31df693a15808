/// The report's first sentence.
extension RunReport {
    /// How a run ended, for colours.
    enum Mood: String { case good, warning, bad, neutral }

    var mood: Mood {
        switch summary?.outcome {
        case nil: firstDivergedStep == nil ? .neutral : .bad
        case .completed, .stoppedEarly: .good
        case .interrupted: .warning
        case .diverged, .failed: .bad
        }
    }

    /// One word for the outcome.
    var status: String {
        switch summary?.outcome {
        case nil: "not ended"
        case .completed: "completed"
        case .stoppedEarly: "stopped early"
        case .diverged: "diverged"
        case .interrupted: "interrupted"
        case .failed: "failed"
        }
    }

    /// The outcome in one sentence.
    var sentence: String {
        let subject = "Training \(description.method) on \(description.model.lastPathComponent.shortened(to: 48))"
        let progress = "\(Quantity.count(stepsTaken)) of \(Quantity.count(description.totalSteps)) steps"
        switch summary?.outcome {
        case .completed:
            return "\(subject) \(result(verb: "reached") ?? "ended") in \(Quantity.duration(seconds))\(comparison)."
        case .stoppedEarly:
            let reached = result(verb: "reached").map { "\($0) and " } ?? ""
            return "\(subject) \(reached)stopped early after \(progress)\(comparison)."
        case .diverged:
            let moment = firstDivergedStep.map { "at step \(Quantity.count($0))" } ?? "after \(progress)"
            return "\(subject) diverged \(moment): the loss or its gradients were no longer numbers."
        case .interrupted:
            return "\(subject) was interrupted after \(progress)\(result(verb: "with").map { ", \($0)" } ?? "")."
        case .failed(let reason):
            return "\(subject) failed after \(progress): \(reason)"
        case nil:
            return "\(subject) has not ended; \(progress) are recorded."
        }
    }

    private var seconds: Double { summary?.seconds ?? measured.seconds }

    private func result(verb: String) -> String? {
        guard let metric = headlineMetric, let value = outcomeValue(of: metric) else { return nil }
        return "\(verb) \(metric.name.inWords) \(Quantity.number(value, digits: 3))"
    }

    /// How far the result is from the first comparison.
    private var comparison: String {
        guard let metric = headlineMetric, let value = outcomeValue(of: metric),
            let other = comparisons(by: metric).first
        else { return "" }
        let difference = value - other.value
        guard difference.isFinite else { return "" }
        let article = other.name == "before training" ? "the model before training" : "the \(other.name)"
        if difference == 0 { return ", no different from \(article)" }
        let size = Quantity.number(abs(difference), digits: 3)
        return ", \(size) \(difference > 0 ? "above" : "below") \(article)"
    }
}
