import JSON

extension RunSummary {
    /// The summary as it stands in `result.json`.
    ///
    /// Scripts find every number at the top: the run's metrics under their names (`accuracy`), a baseline's with its
    /// name before them (`linear_probe_accuracy`). `metrics` and `baselines` hold the same once more, grouped.
    var members: JSON.Object {
        var members: JSON.Object = ["outcome": .string(outcome.name)]
        if case .failed(let reason) = outcome { members["reason"] = .string(reason) }
        members["steps"] = JSON(steps)
        members["epochs"] = JSON(finite: epochs)
        members["seconds"] = JSON(finite: seconds)
        members["trainable_parameters"] = JSON(trainableParameters)
        members["total_parameters"] = JSON(totalParameters)
        members["peak_memory_mib"] = JSON(finite: Double(peakMemoryBytes) / 1_048_576)
        members["peak_memory_bytes"] = JSON(peakMemoryBytes)
        if let bestStep { members["best_step"] = JSON(bestStep) }
        if let adapterBytes { members["adapter_bytes"] = JSON(adapterBytes) }
        members["metrics"] = metrics.json
        members["baselines"] = .object(JSON.Object(baselines.map { (key: $0.name, value: $0.metrics.json) }))
        members["classes"] = .array(classes.map(\.json))
        members["confusions"] = .array(confusions.map(\.json))
        members["files"] = .array(files.map { ["label": .string($0.label), "path": .string($0.path)] })
        members["next_commands"] = .array(
            nextCommands.map { ["purpose": .string($0.purpose), "command": .string($0.command)] })
        return Self.lifting(metrics, baselines, into: members)
    }

    /// Adds the metrics at the top, after the outcome. A metric whose name is taken stays in its group only.
    private static func lifting(
        _ metrics: MetricValues, _ baselines: [Baseline], into members: JSON.Object
    ) -> JSON.Object {
        var lifted = metrics.map { (key: $0.name, value: $0.value) }
        for baseline in baselines {
            lifted += baseline.metrics.map { (key: "\(baseline.name)_\($0.name)", value: $0.value) }
        }
        var result = JSON.Object()
        result["outcome"] = members["outcome"]
        for (key, value) in lifted where members[key] == nil { result[key] = JSON(finite: value) }
        for (key, value) in members { result[key] = value }
        return result
    }

    /// Reads a summary.
    init(_ node: JSON.Node) throws {
        let name = try node.field("outcome")
        let reason = try node.optional("reason")?.string()
        guard let outcome = RunOutcome(name: try name.string(), reason: reason) else {
            throw name.mismatch("the name of an outcome", found: "\"\(try name.string())\"")
        }
        self.init(
            outcome: outcome, steps: try node.field("steps").count(), epochs: try node.field("epochs").finiteOrNaN(),
            seconds: try node.field("seconds").finiteOrNaN(), metrics: try MetricValues(node.field("metrics")),
            bestStep: try node.optional("best_step")?.count(),
            baselines: try node.field("baselines").members().map {
                Baseline(name: $0.key, metrics: try MetricValues($0.node))
            },
            trainableParameters: try node.field("trainable_parameters").count(),
            totalParameters: try node.field("total_parameters").count(),
            peakMemoryBytes: try node.field("peak_memory_bytes").count(),
            adapterBytes: try node.optional("adapter_bytes")?.count(),
            classes: try node.field("classes").elements().map(ClassResult.init),
            confusions: try node.field("confusions").elements().map(ConfusedPair.init),
            files: try node.field("files").elements().map {
                RunFile(label: try $0.field("label").string(), path: try $0.field("path").string())
            },
            nextCommands: try node.field("next_commands").elements().map {
                NextCommand(purpose: try $0.field("purpose").string(), command: try $0.field("command").string())
            })
    }
}

extension MetricValues {
    fileprivate var json: JSON {
        .object(JSON.Object(map { (key: $0.name, value: JSON(finite: $0.value)) }))
    }

    fileprivate init(_ node: JSON.Node) throws {
        self.init()
        for (name, value) in try node.members() { self[name] = try value.finiteOrNaN() }
    }
}

extension ClassResult {
    fileprivate var json: JSON {
        [
            "name": .string(name), "support": JSON(support), "precision": JSON(finite: precision),
            "recall": JSON(finite: recall), "f1": JSON(finite: f1),
        ]
    }

    fileprivate init(_ node: JSON.Node) throws {
        self.init(
            name: try node.field("name").string(), support: try node.field("support").count(),
            precision: try node.field("precision").finiteOrNaN(), recall: try node.field("recall").finiteOrNaN(),
            f1: try node.field("f1").finiteOrNaN())
    }
}

extension ConfusedPair {
    fileprivate var json: JSON {
        [
            "label": .string(label), "prediction": .string(prediction), "count": JSON(count),
            "share": JSON(finite: share),
        ]
    }

    fileprivate init(_ node: JSON.Node) throws {
        self.init(
            label: try node.field("label").string(), prediction: try node.field("prediction").string(),
            count: try node.field("count").count(), share: try node.field("share").finiteOrNaN())
    }
}
