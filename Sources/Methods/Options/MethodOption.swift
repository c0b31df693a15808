/// An option of a method: its key in configurations and files, and the property that holds its value.
///
///     public static let options: [MethodOption<VeRA>] = [.init("r", \.r), .targetModules, …]
///
/// The list is all that a method says about reading and writing its configuration; it is written in this order.
public struct MethodOption<Owner>: Sendable {
    typealias Keys = KeyedDecodingContainer<OptionKey>

    /// The key.
    public let key: String
    /// Whether a configuration has a value for it.
    let isSet: @Sendable (Owner) -> Bool
    /// Sets the property where a configuration has a value other than null.
    let read: @Sendable (Keys, inout Owner) throws -> Void
    /// Writes the property where it has a value.
    let write: @Sendable (Owner, inout KeyedEncodingContainer<OptionKey>) throws -> Void

    /// An option whose values are written otherwise than as the property's type is.
    init<Value>(
        _ key: String, _ property: WritableKeyPath<Owner, Value> & Sendable,
        reading: @escaping @Sendable (Keys, OptionKey) throws -> Value?,
        writing: @escaping @Sendable (Value) -> (any Encodable)?
    ) {
        self.key = key
        isSet = { writing($0[keyPath: property]) != nil }
        read = { keys, owner in
            if let value = try reading(keys, OptionKey(key)) { owner[keyPath: property] = value }
        }
        write = { owner, keys in
            if let value = writing(owner[keyPath: property]) { try keys.encode(value, forKey: OptionKey(key)) }
        }
    }
}

extension MethodOption {
    /// An option with something to do once it is read.
    private init(_ option: Self, _ didRead: @escaping @Sendable (Keys, inout Owner) throws -> Void) {
        (key, isSet, write) = (option.key, option.isSet, option.write)
        read = { keys, owner in
            try option.read(keys, &owner)
            try didRead(keys, &owner)
        }
    }

    /// An option that always has a value.
    public init<Value: Codable>(_ key: String, _ property: WritableKeyPath<Owner, Value> & Sendable) {
        self.init(key, property, reading: { try $0.decodeIfPresent(Value.self, forKey: $1) }, writing: { $0 })
    }

    /// An option that may have no value.
    public init<Value: Codable>(_ key: String, _ property: WritableKeyPath<Owner, Value?> & Sendable) {
        self.init(
            key, property, reading: { try $0.decodeIfPresent(Value.self, forKey: $1) },
            writing: { $0.map { $0 as any Encodable } })
    }

    /// One of several names.
    public init<Value: OptionChoice>(_ key: String, _ property: WritableKeyPath<Owner, Value> & Sendable) {
        self.init(key, property, reading: { try $0.choice(Value.self, forKey: $1) }, writing: { $0 })
    }

    /// One of several names, or none.
    public init<Value: OptionChoice>(_ key: String, _ property: WritableKeyPath<Owner, Value?> & Sendable) {
        self.init(
            key, property, reading: { try $0.choice(Value.self, forKey: $1) },
            writing: { $0.map { $0 as any Encodable } })
    }

    /// A list that may be written as its only element.
    init<Element: Codable & Sendable>(list key: String, _ property: WritableKeyPath<Owner, [Element]> & Sendable) {
        self.init(key, property, reading: { try $0.oneOrMore(Element.self, forKey: $1) }, writing: { $0 })
    }

    /// A list, if any, that may be written as its only element.
    init<Element: Codable & Sendable>(list key: String, _ property: WritableKeyPath<Owner, [Element]?> & Sendable) {
        self.init(
            key, property, reading: { try $0.oneOrMore(Element.self, forKey: $1) },
            writing: { $0.map { $0 as any Encodable } })
    }
}

extension MethodOption {
    /// An option that takes the place of another one's default where it is given and the other is not.
    init<Value: Codable, Other>(
        _ key: String, _ property: WritableKeyPath<Owner, Value?> & Sendable, insteadOf other: String,
        _ otherProperty: WritableKeyPath<Owner, Other?> & Sendable
    ) {
        let plain = MethodOption(key, property)
        self.init(plain) { keys, owner in
            let both = [key, other].map { OptionKey($0) }
            let given = try both.map { try keys.contains($0) && !keys.decodeNil(forKey: $0) }
            if given[0], !given[1] { owner[keyPath: otherProperty] = nil }
        }
    }
}

/// An option that is one of several names.
public typealias OptionChoice = CaseIterable & Codable & RawRepresentable<String>

extension Method {
    /// Reads the options; absent ones keep their defaults.
    /// - Throws: `MethodError.option` for what cannot be, and what decoding throws.
    public init(from decoder: any Decoder) throws {
        self.init()
        let keys = try decoder.container(keyedBy: OptionKey.self)
        for option in Self.options { try option.read(keys, &self) }
        try validate()
    }

    /// Writes what `init(from:)` reads, every option that has a value.
    public func encode(to encoder: any Encoder) throws {
        var keys = encoder.container(keyedBy: OptionKey.self)
        for option in Self.options { try option.write(self, &keys) }
    }

    /// Those that an encoded default configuration leaves out.
    public static var optionalOptions: [String] {
        let defaults = Self()
        return options.filter { !$0.isSet(defaults) }.map(\.key)
    }

    /// Nothing to refuse.
    public func validate() throws {}

    /// Refuses an option with a sentence that begins with its name.
    func require(_ condition: Bool, _ text: @autoclosure () -> String) throws {
        if !condition { throw MethodError.option(text()) }
    }
}

/// The key of an option, whichever it is.
struct OptionKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(_ key: String) { stringValue = key }
    init?(stringValue: String) { self.init(stringValue) }
    init?(intValue: Int) { return nil }
}

extension KeyedDecodingContainer<OptionKey> {
    /// One of the names that an option may have; nil where it is not set.
    /// - Throws: `MethodError.option` for another name.
    fileprivate func choice<Value: OptionChoice>(_ type: Value.Type, forKey key: OptionKey) throws -> Value? {
        guard let name = try decodeIfPresent(String.self, forKey: key) else { return nil }
        guard let found = Value(rawValue: name) else {
            let known = Value.allCases.map(\.rawValue).joined(separator: ", ")
            throw MethodError.option("\(key.stringValue): unknown value `\(name)`; known: \(known)")
        }
        return found
    }

    /// A value or a list of them, as peft's files write both; nil where the option is not set.
    fileprivate func oneOrMore<Value: Decodable>(_ type: Value.Type, forKey key: OptionKey) throws -> [Value]? {
        if let one = try? decodeIfPresent(Value.self, forKey: key) { return [one] }
        return try decodeIfPresent([Value].self, forKey: key)
    }
}
