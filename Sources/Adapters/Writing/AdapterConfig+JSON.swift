import JSON
import Methods

extension AdapterConfig {
    /// The value of `adapter_config.json`: every key of peft 0.21, those that Graft has no option for at its default.
    static func json(
        _ method: LoRA, taskType: String?, baseModel: String?, isTransposed: Bool, keepsTies: Bool
    ) throws -> JSON {
        var object: JSON.Object = [
            "alora_invocation_tokens": nil, "arrow_config": nil, "auto_mapping": nil, "corda_config": nil,
            "eva_config": nil, "exclude_modules": nil, "inference_mode": true, "kasa_config": nil,
            "layer_replication": nil, "layers_to_transform": nil, "lora_ga_config": nil, "megatron_config": nil,
            "megatron_core": "megatron.core", "monteclora_config": nil, "peft_type": .string(peftType),
            "peft_version": .string(formatVersion), "qalora_group_size": 16, "revision": nil, "target_modules": nil,
            "target_parameters": nil, "trainable_token_indices": nil, "use_bdlora": nil, "use_qalora": false,
            "velora_config": nil,
        ]
        guard case .object(let options) = try JSON(encoding: method) else { return .object(object) }
        for (key, value) in options { object[key] = value.withWholeNumbers }
        object["lora_dropout"] = .double(method.loraDropout)
        if method.layersPattern.isEmpty { object["layers_pattern"] = .null }
        if method.modulesToSave.isEmpty { object["modules_to_save"] = .null }
        if method.initLoRAWeights != .loftq { object["loftq_config"] = .object([:]) }
        object["task_type"] = taskType.map(JSON.string) ?? .null
        object["base_model_name_or_path"] = baseModel.map(JSON.string) ?? .null
        object["fan_in_fan_out"] = .bool(isTransposed)
        object["ensure_weight_tying"] = .bool(keepsTies)
        return .object(object)
    }

    /// The version of peft whose format is written.
    private static let formatVersion = "0.21.2"
}

extension JSON {
    /// The value with numbers that are whole written as such: peft's ranks and alphas are integers.
    fileprivate var withWholeNumbers: JSON {
        switch self {
        case .double(let number): Int64(exactly: number).map(JSON.int) ?? self
        case .object(let object): .object(JSON.Object(object.map { ($0.key, $0.value.withWholeNumbers) }))
        default: self
        }
    }
}
