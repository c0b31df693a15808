/// Words for the events that get a line of their own.
enum EventLine {
    static func started(_ description: RunDescription) -> String {
        let steps = "\(Quantity.count(description.totalSteps)) steps"
        let epochs = Quantity.trimmed(Quantity.fixed(description.epochs, decimals: 2))
        var line =
            "Training \(description.method) on \(description.model): "
            + "\(Quantity.shortCount(description.trainableParameters)) of "
            + "\(Quantity.shortCount(description.totalParameters)) parameters "
            + "(\(Quantity.percent(description.trainableShare))), \(steps), \(epochs) epoch\(epochs == "1" ? "" : "s")"
        if description.resumedFromStep > 0 {
            let checkpoint = CheckpointRecord.folderName(step: description.resumedFromStep)
            line += ", resumed after step \(Quantity.count(description.resumedFromStep)) from \(checkpoint)"
        }
        return line.withoutControlCharacters
    }

    static func evaluation(_ record: EvaluationRecord, style: Style) -> String {
        let metrics = record.metrics.map { "\($0.name) \(Quantity.number($0.value))" }.joined(separator: ", ")
        let moment = record.step == 0 ? "before training" : "after step \(record.step)"
        let line = "\(record.split) \(moment): \(metrics) (\(Quantity.duration(record.seconds)))"
        return line.withoutControlCharacters + (record.isBest ? style.good(" best so far") : "")
    }

    static func warning(_ warning: RunWarning, style: Style) -> String {
        let line = "\(warning.message) [\(warning.code)]".withoutControlCharacters
        return style.warning("warning:") + " " + line
    }

    static func checkpoint(_ record: CheckpointRecord) -> String {
        let size = "\(Quantity.bytes(record.bytes)) in \(Quantity.duration(record.seconds))"
        return "checkpoint after step \(record.step): \(record.path) (\(size))".withoutControlCharacters
    }

    static func finished(_ summary: RunSummary, style: Style) -> String {
        let time = Quantity.duration(summary.seconds)
        let steps = "\(Quantity.count(summary.steps)) step\(summary.steps == 1 ? "" : "s")"
        switch summary.outcome {
        case .completed: return style.good("finished") + " \(steps) in \(time)"
        case .stoppedEarly: return style.good("stopped early") + " after \(steps), \(time): no further improvement"
        case .diverged: return style.warning("diverged") + " after \(steps), \(time)"
        case .interrupted: return style.warning("interrupted") + " after \(steps), \(time)"
        case .failed(let reason):
            return style.warning("failed") + " after \(steps), \(time): \(reason.withoutControlCharacters)"
        }
    }
}
