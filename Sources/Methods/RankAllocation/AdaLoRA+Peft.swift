import JSON
import Networks
import Torch

/// AdaLoRA in peft 0.21's format (`AdaLoraConfig`). The triplets that the allocation switched off are not written;
/// `rank_pattern` says which are there.
extension AdaLoRA: PeftMethod {
    /// `r`, `alpha_pattern`, `lora_bias` and `use_rslora` come with the class that peft derives its own from, and change
    /// nothing there.
    public static let peft = PeftFormat(
        types: ["ADALORA"], endings: [.init("lora_A"), .init("lora_B"), .init("lora_E")],
        ignoredKeys: [
            "alpha_pattern", "corda_config", "ensure_weight_tying", "eva_config", "lora_bias", "lora_ga_config",
            "megatron_config", "megatron_core", "qalora_group_size", "r", "use_rslora",
        ],
        featureKeys: [
            "alora_invocation_tokens", "arrow_config", "kasa_config", "layer_replication", "loftq_config",
            "monteclora_config", "target_parameters", "trainable_token_indices", "use_bdlora", "use_dora", "use_qalora",
            "velora_config",
        ],
        fixedKeys: [
            "alora_invocation_tokens": nil, "alpha_pattern": [:], "arrow_config": nil, "corda_config": nil,
            "eva_config": nil, "fan_in_fan_out": false, "kasa_config": nil, "layer_replication": nil,
            "loftq_config": [:], "lora_bias": false, "lora_ga_config": nil, "megatron_config": nil,
            "megatron_core": "megatron.core", "monteclora_config": nil, "qalora_group_size": 16, "r": 8,
            "target_parameters": nil, "trainable_token_indices": nil, "use_bdlora": nil, "use_dora": false,
            "use_qalora": false, "use_rslora": false, "velora_config": nil,
        ])

    /// Any start but `false` is peft's only one.
    public init(peft node: JSON.Node) throws {
        var options = try node.object()
        options["fan_in_fan_out"] = nil
        if case .string = options["init_lora_weights"] { options["init_lora_weights"] = true }
        self = try JSON.Node(.object(options), source: node.path).decode(AdaLoRA.self)
    }

    /// Where the options train them.
    public var trainsBiases: Bool { bias != .none }

    /// Every option under its own name, and what peft writes beside them.
    public func peftOptions(_ place: PeftPlace) throws -> JSON.Object {
        var object = AdaLoRA.peft.fixedKeys
        for key in ["target_modules", "exclude_modules", "layers_to_transform", "fan_in_fan_out", "total_step"] {
            object[key] = .null
        }
        guard case .object(let options) = try JSON(encoding: self) else { return object }
        for (key, value) in options { object[key] = value.withWholeNumbers }
        if layersPattern.isEmpty { object["layers_pattern"] = .null }
        if modulesToSave.isEmpty { object["modules_to_save"] = .null }
        if rankPattern.entries.isEmpty { object["rank_pattern"] = .null }
        // peft reads no configuration without it, though a finished adapter has no use for it.
        object["total_step"] = .int(Int64(totalStep ?? tinit + tfinal + 2))
        object["lora_dropout"] = .double(loraDropout)
        object["fan_in_fan_out"] = .bool(place.isTransposed)
        object["ensure_weight_tying"] = .bool(place.keepsTies)
        return object
    }

    /// The triplets in use.
    public func peftExport(_ grafts: GraftSet, on model: Model, form: AdapterForm) throws -> PeftExport {
        guard form != .uniform else {
            throw MethodError.unwritable("the form \(form.rawValue) is one of LoRA; adalora has none such")
        }
        let modules = grafts.projections.compactMap { path, graft in (graft as? AdaLoRAGraft).map { (path, $0) } }
        guard !modules.isEmpty else {
            throw MethodError.unwritable("the adapter has no module of adalora, which peft's format needs")
        }
        var method = self
        try method.nameTargets(modules.map(\.0), on: model)
        method.rankPattern = [:]
        var tensors: [(name: String, tensor: Tensor)] = []
        for (path, graft) in modules {
            method.rankPattern.entries.append(.init(key: "\(path).lora_E", value: try graft.tripletsInUse()))
            let rows = try graft.mask.value.ne(0).reshape([-1]).nonzero().reshape([-1])
            for (variable, dimension) in [(graft.a, 0), (graft.e, 0), (graft.b, 1)] {
                tensors.append((variable.name, try variable.value.detach().indexSelect(dimension, rows)))
            }
        }
        if method.rankPattern.entries.allSatisfy({ !$0.value.contains(false) }) { method.rankPattern = [:] }
        return PeftExport(method: method, tensors: tensors)
    }

    /// States the targets so that Python's peft chooses the same modules: as they were given where they mean these in
    /// the network's own names, each by its path otherwise.
    private mutating func nameTargets(_ paths: [String], on model: Model) throws {
        let isPlain = targetModules.map { !$0.isAllLinear } ?? false
        let meant = try? TargetSelection(targeting, layers: layers, isStrict: false).projections(of: model).map(\.path)
        if isPlain, meant == paths { return }
        targetModules = .list(paths)
        (excludeModules, layersToTransform, layersPattern) = (nil, nil, [])
    }
}
