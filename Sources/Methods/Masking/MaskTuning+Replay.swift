import Golden
import Networks
import Optimization
import Torch

extension MaskTuning {
    /// Traces of a training of masked linear layers with relu between them.
    public static let replays = [GoldenReplay("r-amt", body: trace)]

    private init(_ golden: GoldenCase) throws {
        self.init()
        let config = golden.config
        threshold = try config.field("threshold").double()
        maskScale = try config.optional("mask_scale")?.double() ?? maskScale
        maskLossWeight = try config.optional("mask_loss_weight")?.double() ?? 0
        gdrLambda = try config.optional("gdr_lambda")?.double() ?? 0
        gdrTemperature = try config.optional("gdr_temperature")?.double() ?? 1
        fuseAlpha = try config.optional("fuse_alpha")?.double() ?? 1
        targetModules = .pattern("layer.*")
        try validate()
    }

    private static func trace(_ golden: GoldenCase) throws -> CaseResult {
        let method = try MaskTuning(golden)
        var layers: [ProjectionChain.Layer] = []
        while let weight = try golden.optional("base.w\(layers.count)") {
            layers.append(
                .init(path: "layer\(layers.count)", weight: weight, bias: try golden.optional("base.b\(layers.count)")))
        }
        let model = try ProjectionChain.model(layers) { try $0.relu() }
        let set = try method.grafts(for: model, key: RandomKey(seed: 0))
        try model.add(set, named: "default")
        let grafts = set.projections.values.compactMap { $0 as? MaskGraft }
        for (index, graft) in grafts.enumerated() { try graft.scores.load(golden.tensor("param.mask\(index)")) }
        var comparison = Comparison(golden)
        try train(method, grafts, model, &comparison, golden)

        let x = try golden.tensor("in.x").clone().setRequiresGrad(true)
        for graft in grafts { try graft.scores.value.setGrad(nil) }
        let y = try model(ModelInput(pixelValues: x)).lastHiddenState
        comparison.produced("out.y", y)
        try (y * golden.tensor("in.cotangent")).sum().backward()
        if let gradient = try x.grad { comparison.produced("grad.x", gradient) }
        for (index, graft) in grafts.enumerated() {
            if let gradient = try graft.scores.value.grad { comparison.produced("grad.mask\(index)", gradient) }
            if let bytes = try graft.scores.packing?.packed(graft.scores.value.detach()).first {
                comparison.produced("out.packed\(index)", bytes)
            }
        }
        try model.merge()
        for (index, layer) in layers.enumerated() {
            guard let merged = model.projections[layer.path]?.weight.value else { continue }
            comparison.produced("out.merged_weight\(index)", merged)
        }
        return try comparison.result()
    }

    private static func train(
        _ method: MaskTuning, _ grafts: [MaskGraft], _ model: Model, _ comparison: inout Comparison,
        _ golden: GoldenCase
    ) throws {
        let steps = try golden.config.field("num_steps").count(from: 0)
        let rate = try golden.config.field("lr").double()
        let indices = Dictionary(uniqueKeysWithValues: grafts.enumerated().map { ($1.scores.name, $0) })
        let training = MaskTraining(method, grafts) { moment, variable in
            try golden.tensor("in.step\(moment.step + 1).uniform\(indices[variable.name] ?? 0)")
        }
        let trainables = try Trainables(
            training.groups(of: grafts.map(\.scores)), optimizer: OptimizerSettings().makeOptimizer()
        ) { try model.refresh() }
        for step in 0..<steps {
            let name = "step\(step + 1)"
            var produced: [(String, Tensor)] = []
            training.observer = { gradients, taskLoss, generalLoss in
                produced = [
                    ("loss_task", try .scalar(taskLoss)), ("loss_general", try .scalar(generalLoss)),
                ]
                for (index, gradient) in gradients.enumerated() {
                    produced += [
                        ("grad_task\(index)", gradient.task), ("grad_general\(index)", gradient.general),
                        ("keep_prob\(index)", gradient.keepProbability), ("grad_final\(index)", gradient.final),
                    ]
                }
            }
            let work = ReplayedStep(
                input: ModelInput(pixelValues: try golden.tensor("in.\(name).x")),
                labels: try golden.tensor("in.\(name).label"),
                StepMoment(
                    step: step, totalSteps: steps, epoch: 0, key: RandomKey(seed: 0), learningRate: rate,
                    trainables: trainables, model: model))
            _ = try training.step(work)
            for (index, graft) in grafts.enumerated() {
                produced.append(("mask_real\(index)", try graft.scores.value.detach().clone()))
                produced.append(("mask\(index)", try graft.mask()))
            }
            for (output, tensor) in produced { comparison.produced("\(name).\(output)", tensor) }
        }
    }
}
