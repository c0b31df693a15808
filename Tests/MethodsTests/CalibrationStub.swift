import Backbones
import JSON
import Methods
import Networks
import Torch

/// Calibration from given tensors: inputs of each sample, gradients of each batch.
struct CalibrationStub: CalibrationSource {
    var inputs: [(Projection) throws -> Tensor] = []
    var gradients: [(Projection) throws -> Tensor] = []
    var exampleCount = 12
    var epochs = 2.0
    var learningRate = 0.1
    var warmupRatio = 0.0

    func observeInputs(
        of projections: [Projection], samples: Int, _ visit: (_ sample: Int, Projection, Tensor) throws -> Void
    ) throws {
        for (index, input) in inputs.prefix(samples).enumerated() {
            for site in projections { try visit(index, site, input(site)) }
        }
    }

    func weightGradients(
        of projections: [Projection], samples: Int, batchSize: Int,
        _ visit: (_ batch: Int, Projection, Tensor) throws -> Void
    ) throws {
        for (index, gradient) in gradients.enumerated() {
            for site in projections { try visit(index, site, gradient(site)) }
        }
    }
}

/// Random networks that are small enough to be made anew in every test.
enum SmallNetwork {
    static let gpt2: JSON = [
        "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "vocab_size": 20, "n_embd": 8, "n_layer": 2,
        "n_head": 2, "n_positions": 16, "bos_token_id": 0, "eos_token_id": 0,
    ]
    /// Four heads of queries, two of keys and values.
    static let llama: JSON = [
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 20, "hidden_size": 16,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 24,
        "max_position_embeddings": 16, "tie_word_embeddings": false,
    ]

    static func make(_ config: JSON) throws -> Model {
        let model = try Backbones.random(ModelConfig(config), options: .init(seed: 7)).model
        try withoutGradients {
            for parameter in model.parameters.values where try parameter.base.rank == 2 {
                try parameter.base.mulInPlace(8)
            }
        }
        return model
    }

    static func outputs(_ model: Model) throws -> Tensor {
        let ids = try Tensor([1, 5, 3, 7, 2, 9].map { Int64($0) }, shape: [2, 3])
        return try withoutGradients { try model(ModelInput(inputIDs: ids)).lastHiddenState }
    }
}

extension GraftSet {
    /// Moves everything that trains.
    func moveTrainables(by scale: Double = 0.1) throws {
        for variable in variables where variable.role == .trainable {
            let noise = try Tensor.normal(variable.value.shape, key: RandomKey(seed: 1).derived(variable.name))
            try variable.load(variable.value.detach() + noise * scale)
        }
    }

    /// Elements that train.
    var trainableCount: Int {
        get throws { try variables.filter { $0.role == .trainable }.reduce(0) { $0 + (try $1.value.count) } }
    }
}

extension Tensor {
    /// The largest difference.
    func gap(to other: Tensor) throws -> Double {
        try (detach().to(.float64) - other.detach().to(.float64)).abs().amax().item()
    }
}

extension Model {
    /// The largest difference between the outputs with the active adapters and with them merged.
    func mergeGap() throws -> Double {
        let unmerged = try SmallNetwork.outputs(self)
        try merge()
        defer { try? unmerge() }
        return try SmallNetwork.outputs(self).gap(to: unmerged)
    }
}

/// What an expression throws, in words.
func thrownMessage<Result>(_ body: () throws -> Result) -> String {
    do {
        _ = try body()
        return "nothing was thrown"
    } catch {
        return "\(error)"
    }
}
