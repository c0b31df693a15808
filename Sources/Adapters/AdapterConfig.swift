import Files
import Foundation
import JSON
import Methods
import Support

/// What `adapter_config.json` of an adapter's folder says, strictly read.
///
/// Two forms have this file. Hugging Face peft's names the kind of adapter in `peft_type`; each method declares which of
/// its keys it has options for, which change nothing, and which are features it lacks, accepted only when switched off.
/// Every other key that holds something is an error. Files of older versions lack keys, which then have peft's defaults.
/// Graft's own, for methods that peft does not have, has the type `GRAFT` and the method's name and options in `graft`.
public struct AdapterConfig: Sendable {
    /// The two forms of the file.
    public enum Form: Sendable, Equatable {
        case peft
        case graft
    }

    /// Whose keys and names the files have.
    public let form: Form
    /// The method with its options. A start that leaves the base alone reads as the default one, since a finished adapter
    /// needs none.
    public let method: any Methods.Method
    /// The file's content.
    public let value: JSON
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
        try Containment.require(url, in: folder)
        try self.init(JSON.Node(contentsOf: url, maximumBytes: Self.maximumBytes))
    }

    /// Reads a configuration at hand.
    public init(_ node: JSON.Node) throws {
        let type = try node.field("peft_type").string()
        value = node.value
        taskType = try node.optional("task_type")?.string()
        baseModel = try node.optional("base_model_name_or_path")?.string()
        do {
            if type == Self.graftType {
                form = .graft
                keepsTies = true
                method = try Self.graftMethod(node)
            } else {
                form = .peft
                keepsTies = try node.optional("ensure_weight_tying")?.bool() ?? false
                method = try Self.method(ofPeftType: type).init(reading: node)
            }
        } catch let error as MethodError {
            throw AdapterError.option(file: Self.fileName, problem: "\(error)")
        }
    }

    private static func method(ofPeftType type: String) throws -> any PeftMethod.Type {
        let types = MethodRegistry.all.compactMap { $0 as? any PeftMethod.Type }
        guard let method = types.first(where: { $0.peft.types.contains(type) }) else {
            throw AdapterError.unsupportedType(
                file: fileName, type: type, known: types.flatMap { $0.peft.types } + [graftType])
        }
        return method
    }
}

// MARK: peft

extension PeftMethod {
    /// Reads the configuration of one of the method's types.
    fileprivate init(reading node: JSON.Node) throws {
        let names = Set(try MethodConfiguration.optionNames(of: Self.self))
        let ignored = AdapterConfig.ignoredKeys.union(Self.peft.ignoredKeys)
        var options = JSON.Object()
        for (key, value) in try node.members() {
            if names.contains(key) {
                if !value.isNull { options[key] = value.value }
            } else if !ignored.contains(key), !value.value.isOff {
                let features = Self.peft.featureKeys
                guard !features.contains(key) else {
                    throw AdapterError.feature(file: AdapterConfig.fileName, key: key, value: value.value.excerpt)
                }
                let known = names.union(ignored).union(features).sorted()
                throw AdapterError.unknownKey(
                    file: AdapterConfig.fileName, key: key, nearest: nearestMatch(to: key, in: known))
            }
        }
        try self.init(peft: JSON.Node(.object(options), source: AdapterConfig.fileName))
    }
}

extension AdapterConfig {
    /// Keys that say where an adapter came from or how it is run, not what it computes.
    fileprivate static let ignoredKeys: Set<String> = [
        "auto_mapping", "base_model_name_or_path", "inference_mode", "peft_type", "peft_version", "revision",
        "runtime_config", "task_type",
    ]

    /// The value of the file in peft's form: every key of peft 0.21, those that Graft has no option for at its default.
    static func peft(_ method: any PeftMethod, _ place: PeftPlace, taskType: String?, baseModel: String?) throws -> JSON
    {
        var object: JSON.Object = [
            "auto_mapping": nil, "inference_mode": true, "peft_version": .string(formatVersion), "revision": nil,
        ]
        for (key, value) in try method.peftOptions(place) { object[key] = value }
        object["peft_type"] = .string(type(of: method).peft.types.first ?? graftType)
        object["task_type"] = taskType.map(JSON.string) ?? .null
        object["base_model_name_or_path"] = baseModel.map(JSON.string) ?? .null
        return .object(object)
    }

    /// The version of peft whose format is written.
    private static let formatVersion = "0.21.2"
}

// MARK: Graft's own form

extension AdapterConfig {
    static let graftType = "GRAFT"
    private static let graftVersion = 1

    private static func graftMethod(_ node: JSON.Node) throws -> any Methods.Method {
        try requireOnly(
            ["base_model_name_or_path", "graft", "modules_to_save", "peft_type", "task_type"], in: node)
        let graft = try node.field("graft")
        try requireOnly(["format_version", "name", "options"], in: graft)
        let version = try graft.field("format_version").int()
        guard version == graftVersion else {
            throw AdapterError.option(
                file: fileName,
                problem: "graft.format_version is \(version), this version of Graft reads "
                    + "\(graftVersion): update Graft")
        }
        var options = try graft.field("options").object()
        options["name"] = try graft.field("name").value
        if let saved = try node.optional("modules_to_save") { options["modules_to_save"] = saved.value }
        return try MethodConfiguration(JSON.Node(.object(options), source: fileName)).method
    }

    private static func requireOnly(_ known: [String], in node: JSON.Node) throws {
        for key in try node.object().keys where !known.contains(key) {
            throw AdapterError.unknownKey(file: fileName, key: key, nearest: nearestMatch(to: key, in: known))
        }
    }

    /// The value of the file in Graft's own form.
    static func graft(_ method: any Methods.Method, taskType: String?, baseModel: String?) throws -> JSON {
        guard case .object(var options) = try MethodConfiguration(method).json else { return nil }
        let name = options["name"] ?? .null
        let saved = options["modules_to_save"]
        options["name"] = nil
        options["modules_to_save"] = nil
        return [
            "base_model_name_or_path": baseModel.map(JSON.string) ?? .null,
            "graft": ["format_version": .int(Int64(graftVersion)), "name": name, "options": .object(options)],
            "modules_to_save": saved ?? .null, "peft_type": .string(graftType),
            "task_type": taskType.map(JSON.string) ?? .null,
        ]
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
