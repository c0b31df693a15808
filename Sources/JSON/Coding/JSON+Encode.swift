extension JSON {
    /// The JSON value of a `Codable` configuration, keys in the order that it encodes them.
    public init(encoding value: some Encodable) throws {
        let slot = Slot()
        try value.encode(to: SlotEncoder(slot: slot))
        self = slot.finished
    }
}

/// A value under construction.
private final class Slot {
    var value: JSON?
    var members: [(key: String, slot: Slot)]?
    var elements: [Slot]?

    var finished: JSON {
        if let members {
            // An absent option is left out, as a value that was never there.
            return .object(JSON.Object(members.map { ($0.key, $0.slot.finished) }))
        }
        if let elements { return .array(elements.map(\.finished)) }
        return value ?? .null
    }

    func member(_ key: String) -> Slot {
        let slot = Slot()
        members = (members ?? []) + [(key, slot)]
        return slot
    }

    func element() -> Slot {
        let slot = Slot()
        elements = (elements ?? []) + [slot]
        return slot
    }

    func set<Value: Encodable>(_ value: Value) throws {
        switch value {
        case let value as Bool: self.value = .bool(value)
        case let value as String: self.value = .string(value)
        case let value as Int: self.value = .int(Int64(value))
        case let value as Int64: self.value = .int(value)
        case let value as Double: self.value = .double(value)
        case let value as Float: self.value = .double(Double(value))
        case let value as JSON: self.value = value
        default: try value.encode(to: SlotEncoder(slot: self))
        }
    }
}

private struct SlotEncoder: Encoder {
    let slot: Slot
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        slot.members = slot.members ?? []
        return KeyedEncodingContainer(KeyedSlot<Key>(slot: slot))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        slot.elements = slot.elements ?? []
        return UnkeyedSlot(slot: slot)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { SingleSlot(slot: slot) }
}

private struct KeyedSlot<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let slot: Slot
    var codingPath: [any CodingKey] { [] }

    mutating func encodeNil(forKey key: Key) throws { slot.member(key.stringValue).value = .null }
    mutating func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws {
        try slot.member(key.stringValue).set(value)
    }
    mutating func nestedContainer<NestedKey: CodingKey>(keyedBy keyType: NestedKey.Type, forKey key: Key)
        -> KeyedEncodingContainer<NestedKey>
    {
        SlotEncoder(slot: slot.member(key.stringValue)).container(keyedBy: keyType)
    }
    mutating func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        SlotEncoder(slot: slot.member(key.stringValue)).unkeyedContainer()
    }
    mutating func superEncoder() -> any Encoder { SlotEncoder(slot: slot) }
    mutating func superEncoder(forKey key: Key) -> any Encoder { SlotEncoder(slot: slot.member(key.stringValue)) }
}

private struct UnkeyedSlot: UnkeyedEncodingContainer {
    let slot: Slot
    var codingPath: [any CodingKey] { [] }
    var count: Int { slot.elements?.count ?? 0 }

    mutating func encodeNil() throws { slot.element().value = .null }
    mutating func encode<Value: Encodable>(_ value: Value) throws { try slot.element().set(value) }
    mutating func nestedContainer<NestedKey: CodingKey>(keyedBy keyType: NestedKey.Type)
        -> KeyedEncodingContainer<NestedKey>
    {
        SlotEncoder(slot: slot.element()).container(keyedBy: keyType)
    }
    mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        SlotEncoder(slot: slot.element()).unkeyedContainer()
    }
    mutating func superEncoder() -> any Encoder { SlotEncoder(slot: slot.element()) }
}

private struct SingleSlot: SingleValueEncodingContainer {
    let slot: Slot
    var codingPath: [any CodingKey] { [] }

    mutating func encodeNil() throws { slot.value = .null }
    mutating func encode<Value: Encodable>(_ value: Value) throws { try slot.set(value) }
}
