import Support

extension KeyedDecodingContainer {
    /// The value at a key, or the default.
    func value<Value: Decodable>(_ key: Key, _ standard: Value) throws -> Value {
        try decodeIfPresent(Value.self, forKey: key) ?? standard
    }

    /// One of a few names, or the default; an unknown name is an error naming the nearest.
    func choice<Value: RawRepresentable & CaseIterable>(_ key: Key, _ standard: Value) throws -> Value
    where Value.RawValue == String {
        guard let name = try decodeIfPresent(String.self, forKey: key) else { return standard }
        if let value = Value(rawValue: name) { return value }
        let names = Value.allCases.map(\.rawValue)
        throw TrainingError.option(
            "\(key.stringValue): unknown value `\(name)`"
                + (nearestMatch(to: name, in: names).map { "; the nearest is `\($0)`" } ?? "") + "; known: "
                + names.joined(separator: ", "))
    }
}
