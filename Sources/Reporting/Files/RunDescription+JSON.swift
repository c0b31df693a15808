import JSON

extension RunDescription {
    /// The description as it stands in `run.json`; a seed beyond 63 bits is written as text, which keeps all digits.
    var members: JSON.Object {
        var members: JSON.Object = [
            "model": .string(model), "method": .string(method), "task": .string(task),
            "output_dir": .string(outputFolder), "trainable_parameters": JSON(trainableParameters),
            "total_parameters": JSON(totalParameters), "device": .string(device), "threads": JSON(threads),
            "seed": Int64(exactly: seed).map(JSON.int) ?? .string(String(seed)), "max_steps": JSON(totalSteps),
            "epochs": JSON(finite: epochs), "resumed_from_step": JSON(resumedFromStep),
        ]
        if let mainMetric {
            members["metric_for_best_model"] = .string(mainMetric.name)
            members["greater_is_better"] = .bool(mainMetric.greaterIsBetter)
        }
        if let forecast { members["forecast"] = forecast.json }
        return members
    }

    /// Reads a description.
    init(_ node: JSON.Node) throws {
        let metric = try node.optional("metric_for_best_model").map {
            MainMetric(try $0.string(), greaterIsBetter: try node.field("greater_is_better").bool())
        }
        self.init(
            model: try node.field("model").string(), method: try node.field("method").string(),
            task: try node.field("task").string(), outputFolder: try node.field("output_dir").string(),
            forecast: try node.optional("forecast").map(Forecast.init),
            trainableParameters: try node.field("trainable_parameters").count(),
            totalParameters: try node.field("total_parameters").count(), device: try node.field("device").string(),
            threads: try node.field("threads").count(), seed: try Self.seed(node.field("seed")),
            totalSteps: try node.field("max_steps").count(), epochs: try node.field("epochs").finiteOrNaN(),
            resumedFromStep: try node.field("resumed_from_step").count(), mainMetric: metric)
    }

    private static func seed(_ node: JSON.Node) throws -> UInt64 {
        if case .string(let digits) = node.value {
            guard let seed = UInt64(digits) else { throw node.mismatch("a seed of at most 64 bits") }
            return seed
        }
        return UInt64(try node.count())
    }
}
