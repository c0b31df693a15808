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
        for name in golden.outputs where name.hasPrefix("out.") && (name.contains("codebook") || name.contains("book"))
        {
            let isUnsigned = name.contains("unsigned") || name.hasSuffix("v") || name.contains("square")
            comparison.produced(name, try Tensor((isUnsigned ? BlockCodes.unsigned : BlockCodes.signed).book))
        }
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

    /// The identity in the place of a basis of the whole space.
    private static func identity(like basis: GradientBasis) throws -> GradientBasis {
        func identity(_ tensor: Tensor?) throws -> Tensor? {
            try tensor.map { tensor in
                let row = try Tensor.arange(to: Double(tensor.size(0)))
                return try row.unsqueeze(0).eq(row.unsqueeze(1)).to(.float32)
            }
        }
        return GradientBasis(left: try identity(basis.left), right: try identity(basis.right))
    }

    /// One step with the case's bases in the place of those of the same subspaces, whose signs are arbitrary.
    private static func step(
        _ training: ProjectedTraining, _ moment: StepMoment, _ golden: GoldenCase, _ tags: [String: Variable]
    ) throws {
        try training.gradientsReady(moment)
        for (tag, variable) in tags {
            let left = try golden.optional("in.step\(moment.step).basis_left.\(tag)")
            let right = try golden.optional("in.step\(moment.step).basis_right.\(tag)")
            guard let group = moment.trainables.group(of: variable) else { continue }
            var basis = GradientBasis(left: left, right: right)
            let isWhole =
                golden.has("param.W.\(tag)")
                && !["left", "right"].contains { golden.has("in.step0.basis_\($0).\(tag)") }
            if isWhole { basis = try identity(like: GradientBasis(of: variable, in: group)) }
            guard basis.isThere else { continue }
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
            let hasLeft = golden.has("in.step0.basis_left.\(tag)")
            let hasRight = golden.has("in.step0.basis_right.\(tag)")
            if hasLeft, hasRight { method.projType = .full }
            if tag.contains("8") || tag.contains("eight") {
                method.eightBit = true
                method.epsilon = try golden.config.first(of: "eps_8bit", "eps8", "eight_bit_eps")?.double()
            }
            if !hasLeft, !hasRight {
                // Adam without a projection is one whose basis is the whole space.
                method.rank = try golden.tensor("param.W.\(tag)").shape.min() ?? method.rank
                method.scale = 1
            }
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
        var optimizer = ProjectedAdamW(method, plan.optimizer)
        // A case is far smaller than what is worth coding.
        optimizer.smallestCoded = 1
        let trainables = try Trainables(
            training.groups(of: set.variables), optimizer: optimizer,
            onReplaced: { [unowned model] in try model.refresh() })
        for index in 0..<steps {
            try trainables.clearGradients()
            try trainables.setGradient(of: variable, to: golden.tensor("in.step\(index).G.\(tag)"))
            let moment = StepMoment(
                step: index, totalSteps: steps, epoch: 0, key: RandomKey(seed: 0), learningRate: rate,
                trainables: trainables, model: model)
            try step(training, moment, golden, [tag: variable])
            comparison.produced("step\(index).W.\(tag)", try variable.value.detach().clone())
            if let group = trainables.group(of: variable) {
                try produceState(of: variable, in: group, "step\(index).", tag, golden, &comparison)
            }
        }
    }

    /// Codes and block maxima of the moments, and the direction and magnitude of a normalised weight, where the case asks
    /// for them.
    private static func produceState(
        of variable: Variable, in group: ParameterGroup, _ prefix: String, _ tag: String, _ golden: GoldenCase,
        _ comparison: inout Comparison
    ) throws {
        for name in golden.outputs where name.hasPrefix(prefix) && name.split(separator: ".").contains(tag[...]) {
            let words = name.dropFirst(prefix.count).split(separator: ".").filter { $0 != tag }.joined(separator: "_")
            guard let key = stateKey(words), let state = group.extras["\(variable.name)/\(key)"] else { continue }
            let shape = try golden.tensor(name).shape
            let fits = try shape.reduce(1, *) == state.count
            comparison.produced(name, fits ? try state.detach().clone().reshape(shape) : try state.detach().clone())
        }
    }

    /// The name under which the optimizer keeps what a case calls by other words; nil for the weight itself.
    private static func stateKey(_ words: String) -> String? {
        let isSquare = ["v", "state2", "sq", "second"].contains {
            words.split(separator: "_").contains($0[...]) || ($0.count > 1 && words.contains($0))
        }
        let moment = isSquare ? "square" : "mean"
        if words.contains("code") || words.contains("state") { return "\(moment).codes" }
        if words.contains("absmax") || words.contains("scale") { return "\(moment).scales" }
        switch words {
        case "m", "exp_avg", "v", "exp_avg_sq": return moment
        case "direction": return "direction"
        case "g", "magnitude": return "magnitude"
        default: return nil
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
