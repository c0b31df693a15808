import JSON
import Networks
import Torch

/// P-tuning: the rows before the embedded tokens come from a small network over trained tokens, which is left behind
/// when the adapter is stored.
///
///     E = W₃ relu(W₂ relu(W₁ t + b₁) + b₂) + b₃        t [P, hidden], W₁ [e, hidden], W₂ [e, e], W₃ [hidden, e]
///
/// Options have the names and defaults of Hugging Face peft's `PromptEncoderConfig`, whose MLP has three layers
/// whatever `encoder_num_layers` says. Of an encoder-decoder that writes the table has twice the rows (`PromptTuning`). The LSTM form is read from adapters, which hold its result, and not trained.
///
/// Source: Liu et al. 2021 (arXiv:2103.10385), section 3.2.
public struct PTuning: SavesModules, Equatable {
    /// What makes the rows.
    public enum Reparameterization: String, Codable, CaseIterable, Sendable {
        case mlp = "MLP"
        case lstm = "LSTM"
    }

    /// P.
    public var numVirtualTokens = 20
    /// e; nil for the network's own width.
    public var encoderHiddenSize: Int?
    /// What makes the rows.
    public var encoderReparameterizationType = Reparameterization.mlp
    /// Modules that are trained and stored whole, such as a new head.
    public var modulesToSave: [String] = []

    /// Twenty rows by an MLP.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "p_tuning", summary: "Rows before the embedded tokens, made by a small network from trained tokens.",
        family: "prompts", sites: "token sequence", paper: "Liu et al. 2021, arXiv:2103.10385",
        initContract: .differs, mergeContract: .never)

    /// Its options.
    public static let options: [MethodOption<PTuning>] = [
        .init("num_virtual_tokens", \.numVirtualTokens),
        .init("encoder_hidden_size", \.encoderHiddenSize),
        .init("encoder_reparameterization_type", \.encoderReparameterizationType),
        .modulesToSave,
    ]

    /// The rows at the network's token sequence, and copies of the modules that are saved. An adapter that is read has
    /// the rows themselves, or in Graft's own form what makes them.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        guard numVirtualTokens > 0, encoderHiddenSize ?? 1 > 0 else {
            throw MethodError.option("num_virtual_tokens and encoder_hidden_size must be positive")
        }
        let (body, _) = try model.promptBody("p_tuning")
        var set = GraftSet()
        if let stored = start.stored, !stored.names.contains("prompt_encoder.embedding.weight") {
            let size = try PromptSize(numVirtualTokens, of: model, table: "prompt_embeddings", start)
            let rows = try Variable("prompt_embeddings", Tensor.zeros([size.total, body.size]))
            set.tokens[body.path] = PromptGraft([rows], size) { rows.value }
        } else {
            let table = "prompt_encoder.embedding.weight"
            let rows = try PromptSize(numVirtualTokens, of: model, table: table, start)
            try start.requireStored(encoderHiddenSize ?? body.size, of: "prompt_encoder.mlp_head.0.weight")
            set.tokens[body.path] = try encoder(rows, size: body.size, key: start.key)
        }
        try set.addModules(modulesToSave, of: model)
        return set
    }

    private func encoder(_ rows: PromptSize, size: Int, key: RandomKey) throws -> PromptGraft {
        guard encoderReparameterizationType == .mlp else {
            throw MethodError.option("encoder_reparameterization_type: LSTM cannot be trained; use MLP")
        }
        let inner = encoderHiddenSize ?? size
        let tokens = try Variable(
            "prompt_encoder.embedding.weight",
            Tensor.normal([rows.total, size], key: key.derived("prompt_encoder.embedding")))
        // The places of the linear layers between the activations.
        let layers = try zip([0, 2, 4], [(size, inner), (inner, inner), (inner, size)]).map { place, sizes in
            let (name, bound) = ("prompt_encoder.mlp_head.\(place)", 1 / Double(sizes.0).squareRoot())
            func drawn(_ part: String, _ shape: [Int]) throws -> Variable {
                let name = "\(name).\(part)"
                return try Variable(name, Tensor.uniform(shape, -bound, bound, key: key.derived(name)))
            }
            return (weight: try drawn("weight", [sizes.1, sizes.0]), bias: try drawn("bias", [sizes.1]))
        }
        return PromptGraft([tokens] + layers.flatMap { [$0.weight, $0.bias] }, rows) {
            var x = tokens.value
            for (index, layer) in layers.enumerated() {
                x = try (index == 0 ? x : x.relu()).linear(layer.weight.value, layer.bias.value)
            }
            return x
        }
    }
}

extension PTuning: PeftMethod {
    /// One table of rows, made by the small network.
    public static let peft = PeftFormat.promptLearning(
        "P_TUNING", ignoring: ["encoder_dropout", "encoder_num_layers"])

    /// The options, and the sizes that peft asks for beside them.
    public func peftOptions(_ place: PeftPlace) throws -> JSON.Object {
        let size = place.model.bodies.values.first?.size ?? 0
        var object = promptOptions(place, rows: numVirtualTokens, size: size)
        object["encoder_hidden_size"] = .int(Int64(encoderHiddenSize ?? size))
        object["encoder_reparameterization_type"] = .string(encoderReparameterizationType.rawValue)
        object["encoder_dropout"] = .double(0)
        object["encoder_num_layers"] = 2
        return object
    }

    /// The rows that the small network makes.
    public func peftExport(_ grafts: GraftSet, on model: Model, form: AdapterForm) throws -> PeftExport {
        let rows = try grafts.tokens.values.compactMap { try ($0 as? PromptGraft)?.table().detach() }
        return PeftExport(method: self, tensors: rows.map { ("prompt_embeddings", $0) })
    }
}
