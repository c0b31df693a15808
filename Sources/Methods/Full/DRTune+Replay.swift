import Golden
import Networks
import Torch

extension DRTune {
    /// Losses of one batch on given queues.
    public static let replays = [GoldenReplay("dr-tune", body: loss)]

    private static func loss(_ golden: GoldenCase) throws -> CaseResult {
        var method = DRTune()
        method.queueSize = try golden.config.field("queue").int()
        let every = try golden.config.optional("rotation_every")?.int() ?? 0
        method.rotationEvery = max(1, every)
        try method.validate()
        let weight = try golden.tensor("param.head.weight")
        let model = try ProjectionChain.model([
            .init(path: "classifier", weight: weight, bias: try golden.optional("param.head.bias"))
        ])
        let set = try method.grafts(for: model, key: RandomKey(seed: 0))
        try model.add(set, named: "default")
        guard let queues = FeatureQueues(set.shared), let head = model.projections["classifier"] else {
            throw TorchError.invalid("the case has no queue")
        }
        for (variable, name) in [(queues.down, "down"), (queues.pre, "pre"), (queues.labels, "label")] {
            try variable.load(golden.tensor("in.queue.\(name)"))
        }
        queues.pointer = try golden.config.field("pointer").int()
        let iteration = try golden.config.optional("iteration")?.int() ?? 0
        let rotates = try golden.config.first(of: "rotation", "rotate")?.bool() ?? (every > 0)
        if !rotates { method.rotationEvery = iteration + 2 }
        let training = DistributionRegularization(method, queues, head: head)
        training.iteration = rotates ? iteration : iteration + 1

        let features = try golden.tensor("in.down_feature").clone().setRequiresGrad(true)
        let labels = try golden.tensor("in.label")
        var comparison = Comparison(golden)
        comparison.produced("out.calibrated", try training.calibrated(features, queues))
        let sum = try training.lossSum(features, head(features, ForwardContext()), labels, queues)
        let loss = try sum / Double(labels.count + method.queueSize)
        comparison.produced("out.loss", try loss.reshape([1]))
        try loss.backward()
        for (name, tensor) in [
            ("down_feature", features), ("head.weight", head.weight.value), ("head.bias", head.bias?.value),
        ] {
            if let gradient = try tensor?.grad { comparison.produced("grad.\(name)", gradient) }
        }
        try queues.push(down: features, pre: golden.tensor("in.pre_feature"), labels: labels)
        for (variable, name) in [(queues.down, "down"), (queues.pre, "pre"), (queues.labels, "label")] {
            comparison.produced("out.queue.\(name)", variable.value)
        }
        return try comparison.result()
    }
}
