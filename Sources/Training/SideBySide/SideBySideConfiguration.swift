import JSON
import Methods

/// The configuration of several adapters in one run: that of a training, with a list `adapters` of what differs.
///
/// ```yaml
/// method: {name: lora, target_modules: [query, value]}
/// adapters:
///   - {name: r4, r: 4}
///   - {name: r16, r: 16, learning_rate: 1.0e-3}
/// ```
///
/// Each entry has a name, which is that of its folder below `output_dir`, perhaps another `method`, options of the method,
/// and keys of the optimizer. Everything else holds for all.
public struct SideBySideConfiguration: Sendable {
    /// One of the adapters.
    public struct Adapter: Sendable {
        /// Its name, and that of its folder.
        public let name: String
        /// The configuration that trains it alone.
        public let configuration: TrainingConfiguration
    }

    /// The key of the list.
    public static let key = "adapters"

    /// The adapters in the order of the file.
    public let adapters: [Adapter]

    /// The list in a JSON Schema of configurations. An entry may have options of any method.
    static let schema: JSON = [
        "type": "array", "minItems": 1,
        "items": ["type": "object", "properties": ["name": ["type": "string"]], "required": ["name"]],
    ]

    /// Keys that an adapter may have for itself.
    private static let ownKeys: Set = [
        "learning_rate", "weight_decay", "adam_beta1", "adam_beta2", "adam_epsilon", "mezo_epsilon", "momentum",
        "max_grad_norm",
        "lr_scheduler_type", "warmup_ratio", "warmup_steps", "optim",
    ]

    /// Reads an object of all keys, `adapters` among them.
    public init(_ node: JSON.Node) throws {
        var common = try node.object()
        common[Self.key] = nil
        let entries = try node.field(Self.key).elements()
        guard !entries.isEmpty else { throw TrainingError.option("\(Self.key): the list is empty") }
        guard case .string(let output)? = common["output_dir"] else {
            throw TrainingError.option("output_dir: name a folder for the folders of the adapters")
        }
        var adapters: [Adapter] = []
        for entry in entries {
            let name = try entry.field("name").string()
            try Self.check(name, among: adapters.map(\.name))
            var object = try Self.joined(common, entry, name)
            object["output_dir"] = .string(output + "/" + name)
            let configuration = try Self.naming(name) {
                try TrainingConfiguration(JSON.Node(.object(object), source: "\(Self.key): \(name)"))
            }
            adapters.append(Adapter(name: name, configuration: configuration))
        }
        self.adapters = adapters
        try requireShareable()
    }

    /// The common keys with those of an entry in their place.
    private static func joined(_ common: JSON.Object, _ entry: JSON.Node, _ name: String) throws -> JSON.Object {
        var object = common
        if let method = try entry.optional("method") {
            // Options that stand beside the other keys would be of another method.
            object["method"] = method.value
        }
        for (written, value) in try entry.object() where written != "name" && written != "method" {
            let key = TrainingConfiguration.canonicalKey(written)
            if ownKeys.contains(key) {
                object[key] = value
            } else if TrainingConfiguration.keys.contains(key) {
                throw TrainingError.option("\(Self.key): `\(key)` of \(name) holds for all: set it beside \(Self.key)")
            } else if case .object(var options)? = object["method"] {
                object[key] = nil
                options[key] = value
                object["method"] = .object(options)
            } else {
                object[key] = value
            }
        }
        return object
    }

    private static func check(_ name: String, among others: [String]) throws {
        let isPlain = name.utf8.allSatisfy { byte in
            UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
                || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || "-_.".utf8.contains(byte)
        }
        guard isPlain, !name.isEmpty, name.utf8.count <= 64, !name.hasPrefix(".") else {
            throw TrainingError.option(
                "\(key): the name `\(name.prefix(64))` cannot be that of a folder; use letters, digits, `-`, `_` and `.`"
            )
        }
        // Some file systems take names that differ in case for the same.
        guard !others.contains(where: { $0.lowercased() == name.lowercased() }) else {
            throw TrainingError.option("\(key): two adapters are called `\(name)`")
        }
    }

    /// Refuses what several adapters cannot share.
    private func requireShareable() throws {
        guard let first = adapters.first?.configuration else { return }
        let training = first.training
        let refusals: [(String, Bool)] = [
            ("task preference compares each adapter with the base", first.task == .preference),
            ("from_scratch trains the whole model", first.fromScratch),
            ("transform makes something of one trained model", first.transform != nil),
            ("on_nonfinite \(training.onNonfinite.rawValue) takes a training back", training.onNonfinite != .stop),
        ]
        if let reason = refusals.first(where: \.1)?.0 {
            throw TrainingError.option("\(Self.key): \(reason): train one adapter at a time")
        }
    }

    /// Says in an error whose it is.
    static func naming<Result>(_ name: String, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch MethodError.option(let text) {
            throw MethodError.option("\(key): \(name): \(text)")
        } catch MethodError.unmatched(let option, let pattern, let nearest) {
            throw MethodError.unmatched(option: "\(key): \(name): \(option)", pattern: pattern, nearest: nearest)
        } catch TrainingError.option(let text) {
            throw TrainingError.option("\(key): \(name): \(text)")
        }
    }
}
