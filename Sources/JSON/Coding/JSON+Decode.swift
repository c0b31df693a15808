extension JSON.Node {
    /// Decodes a `Codable` configuration. Keys that the type does not ask for are an error naming the nearest key that it
    /// does, and so are values of the wrong type; both say where.
    public func decode<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
        let asked = AskedKeys()
        let value = try Value(from: NodeDecoder(node: self, asked: asked))
        try asked.requireNothingElse()
        return value
    }
}

/// The keys that a type asked for, object by object: what remains in the file was not meant.
private final class AskedKeys {
    private var objects: [String: (node: JSON.Node, keys: Set<String>)] = [:]

    func ask(_ key: String?, of node: JSON.Node) {
        var entry = objects[node.path] ?? (node, [])
        if let key { entry.keys.insert(key) }
        objects[node.path] = entry
    }

    func allow(all node: JSON.Node) throws {
        for key in try node.object().keys { ask(key, of: node) }
    }

    func requireNothingElse() throws {
        for path in objects.keys.sorted() {
            guard let (node, asked) = objects[path] else { continue }
            for key in try node.object().keys where !asked.contains(key) {
                throw JSONError.unknownKey(path: path, key: key, known: asked.sorted())
            }
        }
    }
}

private struct NodeDecoder: Decoder {
    let node: JSON.Node
    let asked: AskedKeys
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        _ = try node.object()
        asked.ask(nil, of: node)
        return KeyedDecodingContainer(Keyed<Key>(node: node, asked: asked))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        Unkeyed(elements: try node.elements(), asked: asked)
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer {
        Single(node: node, asked: asked)
    }
}

/// Scalars, the same way in every container.
private func scalar<Value>(_ type: Value.Type, _ node: JSON.Node) throws -> Value? {
    switch type {
    case is Bool.Type: try node.bool() as? Value
    case is String.Type: try node.string() as? Value
    case is Int.Type: try node.int() as? Value
    case is Double.Type: try node.double() as? Value
    case is Float.Type: Float(try node.double()) as? Value
    case is JSON.Type: node.value as? Value
    default: nil
    }
}

private func decoded<Value: Decodable>(_ type: Value.Type, _ node: JSON.Node, _ asked: AskedKeys) throws -> Value {
    if let value = try scalar(type, node) { return value }
    return try Value(from: NodeDecoder(node: node, asked: asked))
}

private struct Keyed<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let node: JSON.Node
    let asked: AskedKeys
    var codingPath: [any CodingKey] { [] }

    var allKeys: [Key] {
        // Whoever lists the keys means to take them all: a dictionary.
        try? asked.allow(all: node)
        return ((try? node.object().keys) ?? []).compactMap { Key(stringValue: $0) }
    }

    func contains(_ key: Key) -> Bool {
        asked.ask(key.stringValue, of: node)
        // A key with null is there: some options tell it from absence.
        return (try? node.object()[key.stringValue]) != nil
    }

    private func field(_ key: Key) throws -> JSON.Node {
        asked.ask(key.stringValue, of: node)
        return try node.field(key.stringValue)
    }

    func decodeNil(forKey key: Key) throws -> Bool { try field(key).isNull }

    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        try decoded(type, try field(key), asked)
    }

    func decodeIfPresent<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value? {
        guard contains(key), let value = try node.optional(key.stringValue), !value.isNull else { return nil }
        return try decoded(type, value, asked)
    }

    // The requirements for single types are separate witnesses; each goes the same way.
    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try field(key).bool() }
    func decode(_ type: String.Type, forKey key: Key) throws -> String { try field(key).string() }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try field(key).double() }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try field(key).int() }

    func nestedContainer<NestedKey: CodingKey>(keyedBy type: NestedKey.Type, forKey key: Key) throws
        -> KeyedDecodingContainer<NestedKey>
    {
        try NodeDecoder(node: field(key), asked: asked).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try NodeDecoder(node: field(key), asked: asked).unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder { NodeDecoder(node: node, asked: asked) }
    func superDecoder(forKey key: Key) throws -> any Decoder { NodeDecoder(node: try field(key), asked: asked) }
}

private struct Unkeyed: UnkeyedDecodingContainer {
    let elements: [JSON.Node]
    let asked: AskedKeys
    var codingPath: [any CodingKey] { [] }
    var count: Int? { elements.count }
    var currentIndex = 0
    var isAtEnd: Bool { currentIndex >= elements.count }

    init(elements: [JSON.Node], asked: AskedKeys) {
        self.elements = elements
        self.asked = asked
    }

    private mutating func next() throws -> JSON.Node {
        guard currentIndex < elements.count else {
            throw DecodingError.dataCorrupted(.init(codingPath: [], debugDescription: "the array ends too early"))
        }
        defer { currentIndex += 1 }
        return elements[currentIndex]
    }

    mutating func decodeNil() throws -> Bool {
        guard currentIndex < elements.count, elements[currentIndex].isNull else { return false }
        currentIndex += 1
        return true
    }

    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try decoded(type, try next(), asked) }

    mutating func nestedContainer<NestedKey: CodingKey>(keyedBy type: NestedKey.Type) throws
        -> KeyedDecodingContainer<NestedKey>
    {
        try NodeDecoder(node: next(), asked: asked).container(keyedBy: type)
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        try NodeDecoder(node: next(), asked: asked).unkeyedContainer()
    }

    mutating func superDecoder() throws -> any Decoder { NodeDecoder(node: try next(), asked: asked) }
}

private struct Single: SingleValueDecodingContainer {
    let node: JSON.Node
    let asked: AskedKeys
    var codingPath: [any CodingKey] { [] }

    func decodeNil() -> Bool { node.isNull }
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try decoded(type, node, asked) }
    func decode(_ type: Bool.Type) throws -> Bool { try node.bool() }
    func decode(_ type: String.Type) throws -> String { try node.string() }
    func decode(_ type: Double.Type) throws -> Double { try node.double() }
    func decode(_ type: Int.Type) throws -> Int { try node.int() }
}
