import Golden
import JSON
import Networks
import Optimization
import Torch

extension GradNormLoRP {
    /// Steps of the optimizer on given gradients, and of a DoRA layer that is trained by it.
    public static let replays = [GoldenReplay("gradnormlorp", body: replay)]

    private static func replay(_ golden: GoldenCase) throws -> CaseResult {
        var comparison = Comparison(golden)
        let steps = try golden.config.field("steps").int()
        try replayMatrices(golden, steps, &comparison)
        guard try golden.optional("param.lora_A") != nil else { return try comparison.result() }
        var layer = try LayerCase(golden)
        layer.comparison = comparison
        try replayLayer(golden, steps, &layer)
        return try layer.result()
    }

    private init(_ golden: GoldenCase, _ parametrization: Parametrization) throws {
        self.init()
        let config = golden.config
        self.parametrization = parametrization
        rank = try config.field("rank").int()
        updateProjGap = try config.field("update_proj_gap").int()
        scale = try config.optional("scale")?.double() ?? scale
        epsilon = try config.optional("eps")?.double()
        if let type = try config.optional("proj_type")?.string() {
            guard let known = ProjectionType(rawValue: type) else { throw TorchError.invalid("proj_type is \(type)") }
            projType = known
        }
        resetMagnitude = try config.optional("reset_magnitude")?.bool() ?? resetMagnitude
        eightBit = try config.optional("eight_bit")?.bool() ?? eightBit
        try validate()
    }

    private static func plan(_ golden: GoldenCase, _ steps: Int, weightDecay: Double) throws -> TrainingPlan {
        var settings = OptimizerSettings()
        settings.weightDecay = weightDecay
        let betas = try golden.config.field("betas").elements().map { try $0.double() }
        guard betas.count == 2 else { throw TorchError.invalid("betas has \(betas.count) values, expected 2") }
        (settings.beta1, settings.beta2) = (betas[0], betas[1])
        return TrainingPlan(
            optimizer: settings, schedule: LearningRateSchedule(shape: .constant, peak: 0, totalSteps: steps),
            stepsPerEpoch: steps)
    }

    /// One step with the case's bases in the place of those of the same subspaces, whose signs are arbitrary.
    private static func step(
        _ training: ProjectedTraining, _ moment: StepMoment, _ golden: GoldenCase, _ tags: [String: Variable]
    ) throws {
        try training.gradientsReady(moment)
        for (tag, variable) in tags {
            let left = try golden.optional("in.step\(moment.step).basis_left.\(tag)")
            let right = try golden.optional("in.step\(moment.step).basis_right.\(tag)")
            let (basis, group) = (GradientBasis(left: left, right: right), moment.trainables.group(of: variable))
            guard let group, basis.isThere else { continue }
            try requireSameSubspace(GradientBasis(of: variable, in: group), basis, tag)
            try basis.put(for: variable, in: group)
        }
        try moment.trainables.step(learningRate: moment.learningRate, at: moment.step)
    }

    /// Projectors do not depend on signs.
    private static func requireSameSubspace(_ own: GradientBasis, _ given: GradientBasis, _ tag: String) throws {
        let pairs = [(own.left, given.left, true), (own.right, given.right, false)]
        for (own, given, isLeft) in pairs {
            guard (own == nil) == (given == nil) else {
                throw TorchError.invalid("the basis of \(tag) is on another side than the case's")
            }
            guard let own, let given else { continue }
            func projector(_ basis: Tensor) throws -> Tensor {
                try isLeft ? basis.matmul(basis.t()) : basis.t().matmul(basis)
            }
            let distance = try (projector(own) - projector(given)).abs().amax().item()
            guard distance < 1e-3 else {
                throw TorchError.invalid("the subspace of \(tag) is \(distance) from the case's")
            }
        }
    }

    // MARK: Matrices

    /// Every matrix of the case with an optimizer of its own.
    private static func replayMatrices(_ golden: GoldenCase, _ steps: Int, _ comparison: inout Comparison) throws {
        let prefix = "step0.W."
        for tag in golden.outputs.filter({ $0.hasPrefix(prefix) }).map({ String($0.dropFirst(prefix.count)) }) {
            var method = try GradNormLoRP(golden, tag.hasPrefix("wn") ? .weightNorm : .plain)
            if method.parametrization == .weightNorm { method.resetMagnitude = !tag.hasSuffix("keep") }
            let hasLeft = try golden.optional("in.step0.basis_left.\(tag)") != nil
            if try hasLeft && golden.optional("in.step0.basis_right.\(tag)") != nil { method.projType = .full }
            method.targetModules = .list([tag])
            try replayMatrix(tag, method, golden, steps, &comparison)
        }
    }

    private static func replayMatrix(
        _ tag: String, _ method: GradNormLoRP, _ golden: GoldenCase, _ steps: Int, _ comparison: inout Comparison
    ) throws {
        let rate = try golden.config.field("lr").double()
        let model = try ProjectionChain.model([
            ProjectionChain.Layer(path: tag, weight: try golden.tensor("param.W.\(tag)"))
        ])
        let set = try method.grafts(for: model, key: RandomKey(seed: 0))
        try model.add(set, named: "default")
        let plan = try plan(golden, steps, weightDecay: golden.config.optional("weight_decay")?.double() ?? 0)
        guard let training = try method.lifecycle(of: set, on: model, plan) as? ProjectedTraining,
            let variable = set.parameters["\(tag).weight"]
        else { return }
        let trainables = try Trainables(
            training.groups(of: set.variables), optimizer: ProjectedAdamW(method, plan.optimizer),
            onReplaced: { [unowned model] in try model.refresh() })
        for index in 0..<steps {
            try trainables.clearGradients()
            try trainables.setGradient(of: variable, to: golden.tensor("in.step\(index).G.\(tag)"))
            let moment = StepMoment(
                step: index, totalSteps: steps, epoch: 0, key: RandomKey(seed: 0), learningRate: rate,
                trainables: trainables, model: model)
            try step(training, moment, golden, [tag: variable])
            comparison.produced("step\(index).W.\(tag)", try variable.value.detach().clone())
        }
    }

    // MARK: DoRA

    private static func replayLayer(_ golden: GoldenCase, _ steps: Int, _ layer: inout LayerCase) throws {
        let config = golden.config
        var method = try GradNormLoRP(golden, .dora)
        method.rank = try config.field("dora_galore_rank").int()
        method.scale = try config.field("dora_scale").double()
        method.loraR = try config.field("lora_r").int()
        method.loraAlpha = try config.field("lora_alpha").double()
        method.loraDropout = 0
        method.targetModules = .list([SingleProjection.path])
        let set = try method.grafts(for: layer.model, key: RandomKey(seed: 0))
        let graft: LoRAGraft = try layer.graft(set)
        guard let magnitude = graft.magnitude else { throw TorchError.invalid("gradnormlorp made no magnitude") }
        let named = ["lora_A": graft.a, "lora_B": graft.b, "magnitude": magnitude]
        let x = try golden.tensor("in.x")
        for (name, variable) in named { try variable.load(golden.tensor("param.\(name)")) }
        let y = try layer.forward(x)
        layer.produced("out.y", y)
        let cotangent = try golden.optional("in.cotangent") ?? golden.tensor("in.step0.cotangent")
        try (y * cotangent).sum().backward()
        for (name, variable) in named {
            if let gradient = try variable.value.grad { layer.produced("grad.param.\(name)", try gradient.clone()) }
            try variable.value.setGrad(nil)
        }
        try layer.produceMerged()

        let plan = try plan(golden, steps, weightDecay: 0)
        guard let training = try method.lifecycle(of: set, on: layer.model, plan) as? ProjectedTraining else { return }
        let model = layer.model
        let trainables = try Trainables(
            training.groups(of: set.variables.filter { $0.role == .trainable }),
            optimizer: ProjectedAdamW(method, plan.optimizer), onReplaced: { [unowned model] in try model.refresh() })
        for index in 0..<steps {
            try trainables.clearGradients()
            let moment = StepMoment(
                step: index, totalSteps: steps, epoch: 0, key: RandomKey(seed: 0),
                learningRate: try config.field("dora_lr").double(), trainables: trainables, model: model)
            try (layer.forward(x) * golden.tensor("in.step\(index).cotangent")).sum().backward()
            try step(training, moment, golden, named)
            for (name, variable) in named {
                layer.produced("step\(index).\(name)", try variable.value.detach().clone())
            }
        }
    }
}
