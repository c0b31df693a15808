import Foundation
import JSON
import Methods
import Support

/// What `adapter_config.json` of a peft folder says, strictly read.
///
/// Keys that do not change what the adapter computes are ignored by name; keys of features that Graft lacks are accepted
/// only when switched off; every other key that holds something is an error. Files of older versions lack keys, which
/// then have peft's defaults. The keys are those of Hugging Face peft 0.21 (`LoraConfig`).
public struct AdapterConfig: Sendable {
    /// The options. A start that leaves the base alone reads as the default one, since a finished adapter needs none.
    public let method: LoRA
    /// `init_lora_weights` as written.
    public let start: JSON
    /// `CAUSAL_LM`, `SEQ_CLS`, …; nil where the file names none.
    public let taskType: String?
    /// What the adapter was trained on, as its author named it.
    public let baseModel: String?
    /// Whether a weight that is shared stays shared when it is trained.
    public let keepsTies: Bool

    static let fileName = "adapter_config.json"
    private static let maximumBytes = 16 << 20

    /// Reads and checks the file of an adapter's folder.
    ///
    /// - Throws: `AdapterError` for what does not fit, `JSONError` for what is not JSON.
    public init(folder: URL) throws {
        let url = folder.appendingPathComponent(Self.fileName)
        try self.init(JSON.Node(contentsOf: url, maximumBytes: Self.maximumBytes))
    }

    /// Reads a configuration at hand.
    public init(_ node: JSON.Node) throws {
        let type = try node.field("peft_type").string()
        guard type == Self.peftType else {
            throw AdapterError.unsupportedType(file: Self.fileName, type: type, known: [Self.peftType])
        }
        taskType = try node.optional("task_type")?.string()
        baseModel = try node.optional("base_model_name_or_path")?.string()
        keepsTies = try node.optional("ensure_weight_tying")?.bool() ?? false
        start = try node.optional("init_lora_weights")?.value ?? true
        var options = JSON.Object()
        for (key, value) in try node.members() {
            if LoRA.optionNames.contains(key) {
                options[key] = value.value
            } else {
                try Self.check(key, value.value)
            }
        }
        options["init_lora_weights"] = try Self.startToCompute(start)
        if options["loftq_config"] != nil, start != "loftq" { options["loftq_config"] = nil }
        do {
            method = try JSON.Node(.object(options), source: Self.fileName).decode(LoRA.self)
        } catch let error as MethodError {
            throw AdapterError.option(file: Self.fileName, problem: "\(error)")
        }
    }
}

extension AdapterConfig {
    static let peftType = "LORA"

    /// Keys that say where an adapter came from or how it is run, not what it computes. `fan_in_fan_out` is among them
    /// because the layer itself tells its layout, and files have it wrong; the configurations of starts are needed only
    /// to make an adapter.
    private static let ignoredKeys: Set<String> = [
        "auto_mapping", "base_model_name_or_path", "corda_config", "ensure_weight_tying", "eva_config",
        "fan_in_fan_out",
        "inference_mode", "lora_ga_config", "megatron_config", "megatron_core", "merge_weights", "peft_type",
        "peft_version", "qalora_group_size", "revision", "runtime_config", "task_type",
    ]

    /// Keys that change what an adapter computes, in ways that Graft lacks.
    private static let featureKeys: Set<String> = [
        "alora_invocation_tokens", "arrow_config", "enable_lora", "kasa_config", "layer_replication",
        "monteclora_config", "target_parameters", "trainable_token_indices", "use_bdlora", "use_qalora",
        "velora_config",
    ]

    private static func check(_ key: String, _ value: JSON) throws {
        guard !ignoredKeys.contains(key), !value.isOff else { return }
        guard !featureKeys.contains(key) else {
            throw AdapterError.feature(file: fileName, key: key, value: value.excerpt)
        }
        let known = LoRA.optionNames.union(ignoredKeys).union(featureKeys).sorted()
        throw AdapterError.unknownKey(file: fileName, key: key, nearest: nearestMatch(to: key, in: known))
    }

    /// The start as it must be computed on loading: those that leave the base alone need no computation at all.
    private static func startToCompute(_ start: JSON) throws -> JSON {
        guard case .string(let name) = start else {
            guard case .bool = start else {
                throw AdapterError.option(
                    file: fileName, problem: "init_lora_weights must be a boolean or a name, found \(start.kind)")
            }
            return true
        }
        switch name.lowercased() {
        case "gaussian", "orthogonal", "eva", "mica": return true
        case "corda", "lora_ga":
            throw AdapterError.feature(file: fileName, key: "init_lora_weights", value: quoted(name))
        default: return start
        }
    }
}

extension JSON {
    /// Null, false or empty: a feature that is not used.
    fileprivate var isOff: Bool {
        switch self {
        case .null, .bool(false): true
        case .string(let text): text.isEmpty
        case .array(let elements): elements.isEmpty
        case .object(let object): object.isEmpty
        default: false
        }
    }

    /// The beginning of the value's text.
    fileprivate var excerpt: String {
        let text = serialized()
        return text.count > 60 ? text.prefix(60) + "…" : text
    }
}
