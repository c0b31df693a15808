import JSON
import Networks
import Torch

/// LoRA in peft 0.21's format (`LoraConfig`).
extension LoRA: PeftMethod {
    /// `fan_in_fan_out` is ignored because the layer itself tells its layout, and files have it wrong; the configurations
    /// of starts are needed only to make an adapter.
    public static let peft = PeftFormat(
        types: ["LORA"],
        endings: [
            .init("lora_A.weight"), .init("lora_B.weight"), .init("lora_B.bias"), .init("lora_embedding_A"),
            .init("lora_embedding_B"), .init("lora_magnitude_vector"),
            // peft before 0.10 kept the magnitude in a parameter list of its own.
            .init("lora_magnitude_vector.weight", "lora_magnitude_vector"),
        ],
        ignoredKeys: [
            "corda_config", "ensure_weight_tying", "eva_config", "lora_ga_config", "megatron_config", "megatron_core",
            "merge_weights", "qalora_group_size",
        ],
        featureKeys: [
            "alora_invocation_tokens", "arrow_config", "enable_lora", "kasa_config", "layer_replication",
            "monteclora_config", "target_parameters", "trainable_token_indices", "use_bdlora", "use_qalora",
            "velora_config",
        ],
        fixedKeys: [
            "alora_invocation_tokens": nil, "arrow_config": nil, "corda_config": nil, "eva_config": nil,
            "kasa_config": nil, "layer_replication": nil, "lora_ga_config": nil, "megatron_config": nil,
            "megatron_core": "megatron.core", "monteclora_config": nil, "qalora_group_size": 16,
            "target_parameters": nil, "trainable_token_indices": nil, "use_bdlora": nil, "use_qalora": false,
            "velora_config": nil,
        ])

    /// A start that leaves the base alone reads as the default one, since a finished adapter needs none.
    public init(peft node: JSON.Node) throws {
        var options = try node.object()
        options["fan_in_fan_out"] = nil
        options["init_lora_weights"] = try LoRA.startToCompute(options["init_lora_weights"] ?? true)
        if options["init_lora_weights"] != "loftq" { options["loftq_config"] = nil }
        self = try JSON.Node(.object(options), source: node.path).decode(LoRA.self)
    }

    private static func startToCompute(_ start: JSON) throws -> JSON {
        guard case .string(let name) = start else {
            if case .bool = start { return true }
            throw MethodError.option("init_lora_weights must be a boolean or a name, found \(start.kind)")
        }
        switch name.lowercased() {
        case "gaussian", "orthogonal", "eva", "mica": return true
        case "corda", "lora_ga":
            throw MethodError.option("init_lora_weights is \(name), a start whose residual Graft does not compute")
        default: return start
        }
    }

    /// PiSSA by randomised iterations: its factors depend on the draw.
    public var drawnStart: String? {
        if case .pissa(.some(let iterations)) = initLoRAWeights { "pissa_niter_\(iterations)" } else { nil }
    }

    /// With `bias`.
    public var trainsBiases: Bool { bias != .none }

    /// peft's own words for what is not set, and whether weights are stored transposed or tied.
    public func peftOptions(_ place: PeftPlace) throws -> JSON.Object {
        var object = LoRA.peft.fixedKeys
        for key in ["exclude_modules", "layers_to_transform", "target_modules"] { object[key] = .null }
        guard case .object(let options) = try JSON(encoding: self) else { return object }
        for (key, value) in options { object[key] = value.withWholeNumbers }
        object["lora_dropout"] = .double(loraDropout)
        if layersPattern.isEmpty { object["layers_pattern"] = .null }
        if modulesToSave.isEmpty { object["modules_to_save"] = .null }
        if initLoRAWeights != .loftq { object["loftq_config"] = .object([:]) }
        object["fan_in_fan_out"] = .bool(place.isTransposed)
        object["ensure_weight_tying"] = .bool(place.keepsTies)
        return object
    }

    /// The factors in the asked form.
    public func peftExport(_ grafts: GraftSet, on model: Model, form: AdapterForm) throws -> PeftExport {
        let export = try LoRAExport(self, grafts, on: model, form: form)
        return PeftExport(
            method: export.method, tensors: try export.modules.flatMap { try $0.tensors() }, notes: export.notes)
    }
}
