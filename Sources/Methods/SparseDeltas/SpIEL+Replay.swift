import Golden
import Networks
import Optimization
import Torch

extension SpIEL {
    /// Updates and reselections with the case's gradients, then the layer.
    public static let replays = [GoldenReplay("spiel", body: trace)]

    private init(_ golden: GoldenCase) throws {
        self.init()
        let config = golden.config
        switch try config.field("algorithm").string() {
        case "ag", "rigl": selectionAlgorithm = .rigl
        case "ma", "sm3": selectionAlgorithm = .sm3
        case let other: throw TorchError.invalid("algorithm is \(other)")
        }
        numTunableWeights = try config.field("num_deltas").int()
        reselectionSteps = try config.field("reselection_steps").int()
        selectionAccumulationSteps = try config.field("selection_accumulation_steps").int()
        initialReselectionRate = try config.field("initial_reselection_rate").double()
        guard let policy = RatePolicy(rawValue: try config.field("reselection_rate_policy").string()) else {
            throw TorchError.invalid(
                "reselection_rate_policy is \(try config.field("reselection_rate_policy").string())")
        }
        reselectionRatePolicy = policy
        epsilon = try config.optional("eps")?.double()
        targetModules = .list([SingleProjection.path])
        try validate()
    }

    private static func trace(_ golden: GoldenCase) throws -> CaseResult {
        let method = try SpIEL(golden)
        var layer = try LayerCase(golden)
        let set = try method.grafts(for: layer.model, key: RandomKey(seed: 0))
        let graft: SpIELGraft = try layer.graft(set)
        try graft.indices.load(golden.tensor("in.initial_indices"))
        try replayTraining(&layer, method, set, graft)
        try graft.indices.load(golden.tensor("in.final_indices"))
        graft.isMeasuring = false
        try layer.replay(["values": graft.values])
        try layer.produceMerged()
        return try layer.result()
    }

    private static func replayTraining(
        _ layer: inout LayerCase, _ method: SpIEL, _ set: GraftSet, _ graft: SpIELGraft
    ) throws {
        let (golden, config) = (layer.golden, layer.golden.config)
        let steps = try config.field("total_steps").int()
        let rate = try config.field("learning_rate").double()
        var settings = OptimizerSettings()
        settings.weightDecay = try config.optional("weight_decay")?.double() ?? 0
        if let betas = try config.optional("betas")?.elements().map({ try $0.double() }), betas.count == 2 {
            (settings.beta1, settings.beta2) = (betas[0], betas[1])
        }
        let plan = TrainingPlan(
            optimizer: settings, schedule: LearningRateSchedule(shape: .constant, peak: rate, totalSteps: steps),
            stepsPerEpoch: steps, accumulation: try config.field("grad_accumulation_steps").int())
        let reselection = SpIELReselection(method, [graft], plan)
        let trainables = try Trainables(
            reselection.groups(of: [graft.values]), optimizer: reselection.optimizer ?? AdamW())
        let gradients = try golden.tensor("in.grads")
        for step in 0..<(try gradients.size(0)) {
            let moment = StepMoment(
                step: step, totalSteps: steps, epoch: 0, key: RandomKey(seed: 0), learningRate: rate,
                trainables: trainables, model: layer.model)
            try reselection.stepWillBegin(moment)
            try trainables.clearGradients()
            for part in 0..<(try gradients.size(1)) {
                try backward(gradients.select(0, step).select(0, part), through: layer)
                try reselection.microBatchDidEnd(moment)
            }
            try reselection.gradientsReady(moment)
            try trainables.step(learningRate: rate, at: step)
            try reselection.stepDidEnd(moment)
            try produce(&layer.comparison, golden, graft, trainables, "step\(step + 1)")
            if let request = reselection.requests[graft.values.name] {
                layer.produced("step\(step + 1).reallocate_request", try .scalar(Double(request), dtype: .int64))
            }
        }
    }

    /// A forward and backward whose gradient of the weight is the given matrix: the rows that go in are the identity's.
    private static func backward(_ gradient: Tensor, through layer: LayerCase) throws {
        let size = try gradient.size(1)
        let row = try Tensor.arange(to: Double(size))
        let identity = try row.unsqueeze(0).eq(row.unsqueeze(1)).to(.float32)
        let y = try layer.forward(identity, ForwardContext(isTraining: true))
        try (y * gradient.t()).sum().backward()
    }

    /// The state after a step, as matrices that are 0 where no delta is.
    private static func produce(
        _ comparison: inout Comparison, _ golden: GoldenCase, _ graft: SpIELGraft, _ trainables: Trainables,
        _ prefix: String
    ) throws {
        let places = try graft.places
        func dense(_ values: Tensor) throws -> Tensor {
            try Tensor.zeros([graft.sizes.output * graft.sizes.input]).scatter(0, places, values.detach())
                .reshape([graft.sizes.output, graft.sizes.input])
        }
        comparison.produced("\(prefix).mask", try dense(graft.values.value.detach().zerosLike() + 1))
        comparison.produced("\(prefix).delta", try dense(graft.values.value))
        if let (row, column) = graft.accumulators {
            // Cases call the accumulators by the card's names or by the release's: row, accumulator_0.
            for name in golden.outputs where name.hasPrefix(prefix + ".") {
                let isRow = name.contains("row") || name.hasSuffix("_0")
                guard isRow || name.contains("col") || name.hasSuffix("_1") else { continue }
                comparison.produced(
                    name, try (isRow ? row : column).value.clone().reshape(golden.tensor(name).shape))
            }
            return
        }
        let names = [("exp_avg", "mean"), ("exp_avg_sq", "square")]
        for (name, moment) in names {
            comparison.produced("\(prefix).\(name)", try dense(trainables.moment(moment, of: graft.values)))
        }
        comparison.produced("\(prefix).age", try dense(trainables.moment("updates", of: graft.values) + 1))
    }
}
