import JSON
import Methods

extension TrainingConfiguration {
    /// A JSON Schema (draft 2020-12) of what `init(_:)` reads, made from the declarations: for editors that complete and
    /// check a configuration while it is written.
    public static var schema: JSON {
        get throws {
            var properties = try optionsOfMethods()
            let data = OptionSchema(defaults: try defaults(DataOptions())) { value in
                _ = try JSON.Node(value).decode(DataOptions.self)
            }
            for key in DataOptions.CodingKeys.allCases { properties[key.rawValue] = data.property(key.rawValue) }
            let training = OptionSchema(defaults: try defaults(TrainingArguments())) { value in
                _ = try JSON.Node(value).decode(TrainingArguments.self)
            }
            for key in TrainingArguments.CodingKeys.allCases {
                properties[key.rawValue] = training.property(key.rawValue)
            }
            let preference = OptionSchema(defaults: try defaults(PreferenceOptions())) { value in
                _ = try JSON.Node(value).decode(PreferenceOptions.self)
            }
            for key in PreferenceOptions.CodingKeys.allCases.map(\.rawValue) {
                // A method's option of the same name means something else.
                properties[key] = properties[key] == nil ? preference.property(key) : [:]
            }
            for (other, key) in synonyms.sorted(by: { $0.key < $1.key }) { properties[other] = properties[key] }
            for key in ["model", "model_name_or_path", "output_dir", "output", "data", "train_file"] {
                properties[key] = ["type": "string"]
            }
            properties["task"] = ["enum": .array(Task.allCases.map { .string($0.rawValue) })]
            let names = JSON.array(MethodRegistry.all.map { .string($0.card.name) })
            properties["method"] = [
                "anyOf": .array([["enum": names]] + (try MethodRegistry.all.map(MethodConfiguration.schema)))
            ]
            properties["transform"] = try RunTransform.schema
            properties[SideBySideConfiguration.key] = SideBySideConfiguration.schema
            return [
                "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Graft training configuration",
                "type": "object", "properties": .object(properties), "required": ["task"],
                "additionalProperties": false,
            ]
        }
    }

    /// The options that may stand beside the other keys. What two methods mean differently is left open.
    private static func optionsOfMethods() throws -> JSON.Object {
        var properties = JSON.Object()
        for type in MethodRegistry.all {
            for (key, schema) in try MethodConfiguration.optionSchemas(of: type) {
                properties[key] = properties[key] == nil || properties[key] == schema ? schema : [:]
            }
        }
        return properties
    }

    private static func defaults(_ options: some Encodable) throws -> JSON.Object {
        guard case .object(let object) = try JSON(encoding: options) else { return [:] }
        return object
    }
}
