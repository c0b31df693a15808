import Golden
import Networks
import Optimization
import Torch

extension LISA {
    /// A training of a small language model with the case's draws.
    public static let replays = [GoldenReplay("lisa", body: trace)]

    private static func trace(_ golden: GoldenCase) throws -> CaseResult {
        let config = golden.config
        var method = LISA()
        method.activatedLayers = try config.field("activated_layers").count()
        method.intervalSteps = try config.field("interval_steps").count()
        guard let policy = StatePolicy(rawValue: try config.field("state_policy").string()) else {
            throw TorchError.invalid("state_policy is \(try config.field("state_policy").string())")
        }
        method.statePolicy = policy
        let model = try ResidualChain.model(golden, layers: config.field("layers").count())
        let set = try method.grafts(for: model, key: RandomKey(seed: 0))
        try model.add(set, named: "default")

        let blocks = Array(model.blocks.keys)
        let draws = try golden.tensor("in.draws")
        let sampling = LayerSampling(method, blocks: blocks) { interval, _ in
            try draws.select(0, interval).array(of: Int64.self).map(Int.init)
        }
        let betas = try config.field("betas").elements().map { try $0.double() }
        guard betas.count == 2 else { throw TorchError.invalid("betas has \(betas.count) values, expected 2") }
        let optimizer = AdamW(
            beta1: betas[0], beta2: betas[1], epsilon: try config.field("eps").double(),
            weightDecay: try config.field("weight_decay").double())
        let trainables = try Trainables(
            sampling.groups(of: set.variables), optimizer: optimizer,
            onReplaced: { [unowned model] in try model.refresh() })
        let (steps, rate) = (try config.field("steps").count(from: 0), try config.field("lr").double())
        let ids = try golden.tensor("in.input_ids")
        var comparison = Comparison(golden)
        for step in 0..<steps {
            let moment = StepMoment(
                step: step, totalSteps: steps, epoch: 0, key: RandomKey(seed: 0), learningRate: rate,
                trainables: trainables, model: model)
            try sampling.stepWillBegin(moment)
            try trainables.clearGradients()
            let loss = try ResidualChain.loss(model, ids.select(0, step))
            try loss.backward()
            try trainables.step(learningRate: rate, at: step)
            try sampling.stepDidEnd(moment)
            comparison.produced("step\(step).loss", try loss.detach().reshape([1]))
            let active = try blocks.indices.filter { try trainables.group(blocks[$0]).isActive }
            comparison.produced("step\(step).active", try Tensor(active.map(Int64.init)))
            let held = try set.variables.reduce(0) { sum, variable in
                try sum + trainables.moments(of: variable).values.reduce(0) { try $0 + $1.count }
            }
            comparison.produced("step\(step).state_numel", try Tensor([Int64(held)]))
            for variable in set.variables {
                comparison.produced("step\(step).\(variable.name)", try variable.value.detach().clone())
            }
        }
        return try comparison.result()
    }
}

/// The case's language model: h = embed[ids]; h += tanh(h W_lᵀ + b_l) for each block; scores h lm_headᵀ.
private final class ResidualChain: Network {
    private let embedding: Projection
    private let layers: [Projection]
    private let head: Projection
    private let body: Body

    private init(_ scope: Scope, vocabulary: Int, size: Int, layers count: Int, biased: Bool) throws {
        embedding = try .embedding(scope("embed"), count: vocabulary, size: size)
        let places = (0..<count).map { scope("layers")($0) }
        layers = try places.map { try .linear($0, input: size, output: size, bias: biased) }
        head = try .linear(scope("lm_head"), input: size, output: vocabulary, bias: false)
        body = Body(scope("layers"), size: size, blocks: places)
    }

    func callAsFunction(_ input: ModelInput, _ context: ForwardContext) throws -> ModelOutput {
        let x = try embedding(input.requiredIDs(), context)
        let hidden = try body(x, input, context) { [layers] index, x, _ in
            try x + layers[index](x, context).tanh()
        }
        return ModelOutput(logits: try head(hidden, context), lastHiddenState: hidden)
    }

    static func model(_ golden: GoldenCase, layers: Int) throws -> Model {
        var names = ["embed.weight", "lm_head.weight"]
        for layer in 0..<layers { names += ["layers.\(layer).weight", "layers.\(layer).bias"] }
        var weights: [String: Tensor] = [:]
        for name in names { weights[name] = try golden.optional("param.\(name)") }
        let builder = NetworkBuilder(source: TensorWeights(weights))
        let table = try golden.tensor("param.embed.weight")
        let network = try ResidualChain(
            builder.root, vocabulary: table.size(0), size: table.size(1), layers: layers,
            biased: weights["layers.0.bias"] != nil)
        return Model(network, builder)
    }

    /// Mean cross entropy of every next token.
    static func loss(_ model: Model, _ ids: Tensor) throws -> Tensor {
        guard let scores = try model(ModelInput(inputIDs: ids)).logits else {
            throw TorchError.invalid("the case's model gave no scores")
        }
        let length = try ids.size(1) - 1
        let labels = try ids.narrow(1, 1, length).reshape([-1])
        let sum = try scores.narrow(1, 0, length).reshape([labels.count, -1]).crossEntropySum(labels)
        return try sum / Double(labels.count)
    }
}
