import JSON

/// What kinds of values the options of a configuration take, as JSON Schema. Nothing is declared for it: defaults come
/// from an encoded default configuration, and kinds from asking its decoder, which refuses a value of a wrong kind with
/// `JSONError.mismatch` and one of a right kind, but wrong content, otherwise.
public struct OptionSchema {
    private let defaults: JSON.Object
    private let decode: (JSON) throws -> Void

    /// - Parameters:
    ///   - defaults: options with their defaults, as they are encoded.
    ///   - decode: reads an object that has one option.
    public init(defaults: JSON.Object, decode: @escaping (JSON) throws -> Void) {
        self.defaults = defaults
        self.decode = decode
    }

    /// The schema of one option: its kinds, and its default where it has one.
    public func property(_ key: String) -> JSON {
        var kinds = OptionSchema.samples.filter { accepts($0.value, key) }.map(\.kind)
        if let kind = defaults[key].flatMap(OptionSchema.kind), !kinds.contains(kind) { kinds.append(kind) }
        // Every integer is a number.
        if kinds.contains("number") { kinds.removeAll { $0 == "integer" } }
        var schema = JSON.Object()
        if !kinds.isEmpty {
            schema["type"] = kinds.count == 1 ? .string(kinds[0]) : .array(kinds.map(JSON.string))
        }
        if let value = defaults[key] { schema["default"] = value }
        return .object(schema)
    }

    private func accepts(_ value: JSON, _ key: String) -> Bool {
        do {
            try decode(.object(JSON.Object([(key: key, value: value)])))
            return true
        } catch JSONError.mismatch {
            return false
        } catch {
            return true
        }
    }

    private static let samples: [(kind: String, value: JSON)] = [
        ("boolean", true), ("integer", 1), ("number", 0.5), ("string", "x"), ("array", []), ("object", [:]),
        ("null", .null),
    ]

    private static func kind(_ value: JSON) -> String? {
        switch value {
        case .null: nil
        case .bool: "boolean"
        case .int: "integer"
        case .double: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}

extension MethodConfiguration {
    /// The schemas of a method's options by their names.
    public static func optionSchemas(of type: any Method.Type) throws -> JSON.Object {
        let schema = OptionSchema(defaults: try defaults(of: type)) { value in
            _ = try decode(type, JSON.Node(value, source: type.card.name))
        }
        return JSON.Object(try optionNames(of: type).map { (key: $0, value: schema.property($0)) })
    }

    /// The schema of a method with its options: `{name: lora, r: 8}`.
    public static func schema(of type: any Method.Type) throws -> JSON {
        var properties: JSON.Object = ["name": ["const": .string(type.card.name)]]
        for (key, value) in try optionSchemas(of: type) { properties[key] = value }
        return [
            "type": "object", "title": .string(type.card.name), "description": .string(type.card.summary),
            "properties": .object(properties), "required": ["name"], "additionalProperties": false,
        ]
    }

    /// The options with their defaults; those without one are left out.
    private static func defaults(of type: any Method.Type) throws -> JSON.Object {
        guard case .object(let options) = try encode(type.init()) else { return [:] }
        return options
    }
}
