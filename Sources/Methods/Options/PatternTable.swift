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

    /// Reads an object of patterns and values, in its order.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: OptionKey.self)
        entries = try container.allKeys.map {
            Entry(key: $0.stringValue, value: try container.decode(Value.self, forKey: $0))
        }
    }

    /// Writes what `init(from:)` reads.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: OptionKey.self)
        for entry in entries { try container.encode(entry.value, forKey: OptionKey(entry.key)) }
    }
}
