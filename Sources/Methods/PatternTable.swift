/// Values by module pattern in the order they were written: the first match counts.
public struct PatternTable<Value: Codable & Sendable & Equatable>: Codable, Sendable, Equatable,
    ExpressibleByDictionaryLiteral
{
    /// A pattern and its value.
    public struct Entry: Sendable, Equatable {
        /// A regular expression for the end of a module's path.
        public var key: String
        /// What it sets.
        public var value: Value

        /// A pattern with its value.
        public init(key: String, value: Value) {
            self.key = key
            self.value = value
        }
    }

    /// The patterns in order.
    public var entries: [Entry]

    /// A table of the given pairs.
    public init(dictionaryLiteral elements: (String, Value)...) {
        entries = elements.map { Entry(key: $0.0, value: $0.1) }
    }

    struct PatternKey: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { return nil }
    }

    /// Reads an object of patterns and values, in its order.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: PatternKey.self)
        entries = try container.allKeys.map {
            Entry(key: $0.stringValue, value: try container.decode(Value.self, forKey: $0))
        }
    }

    /// Writes what `init(from:)` reads.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: PatternKey.self)
        for entry in entries { try container.encode(entry.value, forKey: PatternKey(stringValue: entry.key)) }
    }
}

extension KeyedDecodingContainer {
    /// The value of an option, or its default where the configuration does not set it.
    func option<Value: Decodable>(_ key: Key, default value: Value) throws -> Value {
        try decodeIfPresent(Value.self, forKey: key) ?? value
    }

    /// One of the names that an option may have, or its default: `choice` for options that are read as all others are.
    func option<Value: Decodable & RawRepresentable & CaseIterable>(_ key: Key, default value: Value) throws -> Value
    where Value.RawValue == String {
        try choice(key, default: value)
    }

    /// One of the names that an option may have, or its default.
    /// - Throws: `MethodError.option` for another name.
    func choice<Value: RawRepresentable & CaseIterable>(_ key: Key, default value: Value) throws -> Value
    where Value.RawValue == String {
        guard let name = try decodeIfPresent(String.self, forKey: key) else { return value }
        guard let found = Value(rawValue: name) else {
            let known = Value.allCases.map(\.rawValue).joined(separator: ", ")
            throw MethodError.option("\(key.stringValue): unknown value `\(name)`; known: \(known)")
        }
        return found
    }
}
