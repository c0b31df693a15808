/// What the report computes from the records.
extension RunReport {
    /// The metric that the report is about: the one that chooses the best state, else the first of the evaluations
    /// that is not the loss, else the loss.
    var headlineMetric: MainMetric? {
        if let metric = description.mainMetric { return metric.withoutSplit(evaluations.map(\.split)) }
        let names = (summary.map { Array($0.metrics) } ?? []) + evaluations.flatMap { Array($0.metrics) }
        let name = names.map(\.name).first { $0 != "loss" } ?? names.first?.name
        let lowIsGood: Set = ["loss", "perplexity", "mse", "mean_squared_error"]
        return name.map { MainMetric($0, greaterIsBetter: !lowIsGood.contains($0)) }
    }

    /// The value that the run ended with: the summary's, else the best evaluation's.
    func outcomeValue(of metric: MainMetric) -> Double? {
        if let value = summary?.metrics[metric.name] { return value }
        return bestEvaluation(by: metric)?.metrics[metric.name]
    }

    /// The best evaluation of the trained model on the split that training watches.
    func bestEvaluation(by metric: MainMetric) -> EvaluationRecord? {
        let candidates = watchedEvaluations.filter { $0.step > 0 && $0.metrics[metric.name]?.isNaN == false }
        if let marked = candidates.last(where: \.isBest) { return marked }
        return candidates.reduce(nil) { best, record in
            guard let best, let old = best.metrics[metric.name], let new = record.metrics[metric.name] else {
                return record
            }
            return metric.prefers(new, over: old) ? record : best
        }
    }

    /// Evaluations of the split that was evaluated first; curves of different splits do not mix.
    var watchedEvaluations: [EvaluationRecord] {
        guard let split = evaluations.first?.split else { return [] }
        return evaluations.filter { $0.split == split }.sorted { $0.step < $1.step }
    }

    /// What the outcome is compared with: the given baselines, and the model before training.
    func comparisons(by metric: MainMetric) -> [(name: String, value: Double)] {
        var comparisons = (summary?.baselines ?? []).compactMap { baseline in
            baseline.metrics[metric.name].map { (name: baseline.name.inWords, value: $0) }
        }
        if let before = watchedEvaluations.first(where: { $0.step == 0 })?.metrics[metric.name] {
            comparisons.append((name: "before training", value: before))
        }
        return comparisons.filter { $0.value.isFinite }
    }

    /// Optimizer steps that the run has taken.
    var stepsTaken: Int { summary?.steps ?? steps.last?.step ?? description.resumedFromStep }

    /// The first step whose loss or gradients are not numbers.
    var firstDivergedStep: Int? {
        steps.first { !$0.loss.isFinite || $0.gradientNorm?.isFinite == false }?.step
    }

    /// What was measured over all recorded steps. Sums are floating-point, because a damaged log may hold any count.
    var measured: Measured {
        var measured = Measured()
        for step in steps {
            measured.tokens += Double(step.tokens)
            measured.labelledTokens += Double(step.labelledTokens)
            measured.examples += Double(step.examples)
            if let padding = step.paddingTokens {
                measured.padding += Double(padding)
                measured.paddedTokens += Double(step.tokens)
            }
            if step.seconds.isFinite { measured.seconds += step.seconds }
            measured.peakMemoryBytes = max(measured.peakMemoryBytes, step.memoryBytes)
        }
        if let summary { measured.peakMemoryBytes = max(measured.peakMemoryBytes, summary.peakMemoryBytes) }
        // A log that begins in the middle says nothing about whole epochs.
        if steps.first?.step == 1, let epoch = steps.last?.epoch, epoch > 0 { measured.epochs = epoch }
        return measured
    }

    /// Totals over the recorded steps.
    struct Measured {
        var tokens = 0.0
        var labelledTokens = 0.0
        var examples = 0.0
        /// Padding positions, and the tokens of those steps that counted them.
        var padding = 0.0
        var paddedTokens = 0.0
        var seconds = 0.0
        var peakMemoryBytes = 0
        var epochs: Double?
    }
}

extension MainMetric {
    /// The metric as evaluations name it, where the configuration names it with the split: `accuracy` for
    /// `eval_accuracy`.
    fileprivate func withoutSplit(_ splits: [String]) -> MainMetric {
        for split in Set(splits + ["eval"]) where name.hasPrefix(split + "_") {
            return MainMetric(String(name.dropFirst(split.count + 1)), greaterIsBetter: greaterIsBetter)
        }
        return self
    }
}

extension String {
    /// A name in snake case as words: `linear probe` for `linear_probe`.
    var inWords: String { String(map { $0 == "_" ? " " : $0 }) }

    /// The text itself, or its beginning and end where it is longer than `limit` characters.
    func shortened(to limit: Int) -> String {
        guard count > limit else { return self }
        return "\(prefix(limit / 2))…\(suffix(limit - limit / 2 - 1))"
    }

    /// The last component of a path, or the text itself.
    var lastPathComponent: String {
        split(separator: "/").last.map(String.init) ?? self
    }
}
