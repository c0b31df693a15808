import JSON
import Methods
import Support

extension TrainingConfiguration {
    private static let essentials = ["model", "from_scratch", "task", "method", "transform", "output_dir"]
    /// Other words for the same key, accepted because people try them first.
    static let synonyms = [
        "data": "train_file", "model_name_or_path": "model", "max_seq_length": "max_length", "output": "output_dir",
        "rank": "r", "eval_file": "validation_file", "per_device_batch_size": "per_device_train_batch_size",
    ]

    /// Reads a configuration: one object of all keys. Keys that belong to no group are options of the method.
    public init(_ node: JSON.Node) throws {
        var groups = try Groups(node)
        guard let model = try groups.essential("model")?.string() else {
            throw TrainingError.option("model: name the folder of a Hugging Face checkpoint")
        }
        let name = try groups.essential("task")?.string()
        guard let name else {
            throw TrainingError.option(
                "task: choose one of \(Task.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        guard let task = Task(rawValue: name) else {
            let names = Task.allCases.map(\.rawValue)
            throw TrainingError.option(
                "task: unknown value `\(name)`"
                    + (nearestMatch(to: name, in: names).map { "; the nearest is `\($0)`" } ?? "") + "; known: "
                    + names.joined(separator: ", "))
        }
        guard let output = try groups.essential("output_dir")?.string() else {
            throw TrainingError.option("output_dir: name a folder for what the run leaves")
        }
        self.init(model: model, data: "", task: task, outputDirectory: output)
        fromScratch = try groups.essential("from_scratch")?.bool() ?? false
        if task == .preference { groups.takePreferences() }
        method = try groups.method()
        data = try JSON.Node(.object(groups.data), source: node.path).decode()
        preference = try JSON.Node(.object(groups.preference), source: node.path).decode()
        try preference.validate()
        training = try JSON.Node(.object(groups.training), source: node.path).decode()
        guard !data.trainFile.isEmpty else {
            throw TrainingError.option(
                "train_file: name a file of rows to learn from (JSON Lines, CSV, TSV or text; safetensors for images)")
        }
        try training.validate()
        transform = try groups.essential("transform").flatMap { $0.isNull ? nil : try RunTransform($0) }
        try transform?.requireFit(self)
    }

    /// The object that reads back as this configuration, every key with its value.
    public var json: JSON {
        get throws {
            var object = JSON.Object([
                ("model", .string(model)), ("from_scratch", .bool(fromScratch)), ("task", .string(task.rawValue)),
            ])
            object["method"] = try MethodConfiguration(method).json
            if let transform { object["transform"] = try transform.json }
            var parts = [try JSON(encoding: data), try JSON(encoding: training)]
            if task == .preference { parts.append(try JSON(encoding: preference)) }
            for group in parts {
                guard case .object(let members) = group else { continue }
                for (key, value) in members { object[key] = value }
            }
            // Absent, it would read back as the default.
            if training.saveTotalLimit == nil { object["save_total_limit"] = .null }
            object["output_dir"] = .string(outputDirectory)
            return .object(object)
        }
    }

    /// Every key that a configuration may have, those of a method aside.
    public static var keys: [String] {
        essentials + DataOptions.CodingKeys.allCases.map(\.rawValue)
            + TrainingArguments.CodingKeys.allCases.map(\.rawValue)
            + PreferenceOptions.CodingKeys.allCases.map(\.rawValue)
    }

    /// The keys of one object, sorted by what reads them.
    private struct Groups {
        var data = JSON.Object()
        var training = JSON.Object()
        var preference = JSON.Object()
        private var essentials = JSON.Object()
        private var options = JSON.Object()
        private let source: JSON.Node

        init(_ node: JSON.Node) throws {
            source = node
            let dataKeys = Set(DataOptions.CodingKeys.allCases.map(\.rawValue))
            let trainingKeys = Set(TrainingArguments.CodingKeys.allCases.map(\.rawValue))
            for (written, value) in try node.object() {
                let key = TrainingConfiguration.synonyms[written] ?? written
                if dataKeys.contains(key) {
                    data[key] = value
                } else if trainingKeys.contains(key) {
                    training[key] = value
                } else if TrainingConfiguration.essentials.contains(key) {
                    essentials[key] = value
                } else {
                    options[key] = value
                }
            }
        }

        /// Takes the keys of the preference task, which elsewhere may be options of a method (`beta`).
        mutating func takePreferences() {
            for key in PreferenceOptions.CodingKeys.allCases.map(\.rawValue) {
                preference[key] = options[key]
                options[key] = nil
            }
        }

        mutating func essential(_ key: String) throws -> JSON.Node? {
            guard let value = essentials[key] else { return nil }
            return JSON.Node(value, source: source.path.isEmpty ? key : "\(source.path): \(key)")
        }

        /// The method's object with the options that stood beside the other keys.
        func method() throws -> any Method {
            var object: JSON.Object
            switch essentials["method"] {
            case .object(let members)?: object = members
            case .string(let name)?: object = JSON.Object([("name", .string(name))])
            case nil: object = JSON.Object([("name", .string(LoRA.card.name))])
            case let other?:
                throw TrainingError.option("method: expected a name or an object, found \(other.kind)")
            }
            guard case .string(let name)? = object["name"] else {
                throw TrainingError.option("method: the object needs a `name`")
            }
            let names = try MethodConfiguration.optionNames(of: MethodRegistry.method(named: name))
            for (key, value) in options {
                guard names.contains(key) else {
                    let nearest = nearestMatch(to: key, in: TrainingConfiguration.keys + names)
                    throw TrainingError.unknownKey(key: key, nearest: nearest)
                }
                if object[key] != nil {
                    throw TrainingError.option("`\(key)` is set both at the top and under `method`: keep one")
                }
                object[key] = value
            }
            return try MethodConfiguration(JSON.Node(.object(object), source: "method")).method
        }
    }
}
