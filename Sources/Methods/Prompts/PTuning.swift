import JSON
import Networks
import Torch

/// P-tuning: the rows before the embedded tokens come from a small network over trained tokens, which is left behind
/// when the adapter is stored.
///
///     MLP:   E = W₃ relu(W₂ relu(W₁ t + b₁) + b₂) + b₃        t [P, hidden], W₁ [e, hidden], W₂ [e, e], W₃ [hidden, e]
///     LSTM:  E = W₂ relu(W₁ lstm(t) + b₁) + b₂                lstm(t) [P, 2e], W₁ [2e, 2e], W₂ [hidden, 2e]
///
/// Options have the names and defaults of Hugging Face peft's `PromptEncoderConfig`, whose MLP has three layers
/// whatever `encoder_num_layers` says; the LSTM has that many, in both directions, without dropout between them. Of an
/// encoder-decoder that writes the table has twice the rows (`PromptTuning`).
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
    /// Layers of the LSTM.
    public var encoderNumLayers = 2
    /// Modules that are trained and stored whole, such as a new head.
    public var modulesToSave: [String] = []

    /// More layers than any LSTM over a prompt has.
    private static let maximumLayers = 64

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
        .init("encoder_num_layers", \.encoderNumLayers),
        .modulesToSave,
    ]

    /// The rows at the network's token sequence, and copies of the modules that are saved. An adapter that is read has
    /// the rows themselves, or in Graft's own form what makes them.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        guard numVirtualTokens > 0, encoderHiddenSize ?? 1 > 0 else {
            throw MethodError.option("num_virtual_tokens and encoder_hidden_size must be positive")
        }
        guard (1...PTuning.maximumLayers).contains(encoderNumLayers) else {
            throw MethodError.option(
                "encoder_num_layers: must be between 1 and \(PTuning.maximumLayers), found \(encoderNumLayers)")
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
            let isLSTM = encoderReparameterizationType == .lstm
            try start.requireStored(
                (encoderHiddenSize ?? body.size) * (isLSTM ? 2 : 1), of: "prompt_encoder.mlp_head.0.weight")
            set.tokens[body.path] = try encoder(rows, size: body.size, key: start.key)
        }
        try set.addModules(modulesToSave, of: model)
        return set
    }

    private func encoder(_ rows: PromptSize, size: Int, key: RandomKey) throws -> PromptGraft {
        let encoder = try PromptEncoder(
            PromptEncoder.Sizes(count: rows.total, size: size, hidden: encoderHiddenSize ?? size),
            layers: encoderReparameterizationType == .lstm ? encoderNumLayers : nil, key: key)
        return PromptGraft(encoder.variables, rows) { try encoder.rows() }
    }
}

extension PTuning: PeftMethod {
    /// One table of rows, made by the small network.
    public static let peft = PeftFormat.promptLearning(
        "P_TUNING", ignoring: ["encoder_dropout"])

    /// The options, and the sizes that peft asks for beside them.
    public func peftOptions(_ place: PeftPlace) throws -> JSON.Object {
        let size = place.model.bodies.values.first?.size ?? 0
        var object = promptOptions(place, rows: numVirtualTokens, size: size)
        object["encoder_hidden_size"] = .int(Int64(encoderHiddenSize ?? size))
        object["encoder_reparameterization_type"] = .string(encoderReparameterizationType.rawValue)
        object["encoder_dropout"] = .double(0)
        object["encoder_num_layers"] = .int(Int64(encoderNumLayers))
        return object
    }

    /// The rows that the small network makes.
    public func peftExport(_ grafts: GraftSet, on model: Model, form: AdapterForm) throws -> PeftExport {
        let rows = try grafts.tokens.values.compactMap { try ($0 as? PromptGraft)?.table().detach() }
        return PeftExport(method: self, tensors: rows.map { ("prompt_embeddings", $0) })
    }
}
