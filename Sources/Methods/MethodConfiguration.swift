import JSON

/// A method with its options, as a configuration names it: `lora`, or `{name: lora, r: 8, …}`.
public struct MethodConfiguration: Sendable {
    /// The method with its options.
    public let method: any Method

    /// A method made in code.
    public init(_ method: any Method) {
        self.method = method
    }

    /// Reads a name, or an object with a name and options. Unknown options are errors naming the nearest.
    public init(_ node: JSON.Node) throws {
        guard case .object(var object) = node.value else {
            method = try MethodRegistry.method(named: node.string()).init()
            return
        }
        let type = try MethodRegistry.method(named: node.field("name").string())
        object["name"] = nil
        method = try MethodConfiguration.decode(type, JSON.Node(.object(object), source: node.path))
    }

    /// The object that reads back as this configuration.
    public var json: JSON {
        get throws {
            var object = JSON.Object([("name", .string(type(of: method).card.name))])
            if case .object(let options) = try MethodConfiguration.encode(method) {
                for (key, value) in options { object[key] = value }
            }
            return .object(object)
        }
    }

    /// The option names of a method.
    public static func optionNames(of type: any Method.Type) throws -> [String] {
        guard case .object(let options) = try encode(type.init()) else { return [] }
        return options.keys + type.optionalOptions
    }

    static func decode<M: Method>(_ type: M.Type, _ node: JSON.Node) throws -> M {
        try node.decode(type)
    }

    static func encode<M: Method>(_ method: M) throws -> JSON {
        try JSON(encoding: method)
    }
}
