import JSON

/// Damage that leaves a text JSON, so that what reads the values is reached, too.
extension Mutator {
    func mutateJSON(_ bytes: inout [UInt8], _ random: inout FuzzRandom) {
        guard let value = try? JSON.parse(bytes, options: JSON.ParseOptions(maximumDepth: 64, allowsNonFinite: true))
        else { return mutateBytes(&bytes, like: ".json", &random) }
        bytes = Array(mutated(value, &random).serialized().utf8)
        if random.oneIn(20) { duplicateKey(in: &bytes, &random) }
    }

    /// The value with one change somewhere in it.
    func mutated(_ value: JSON, _ random: inout FuzzRandom) -> JSON {
        switch value {
        case .array(let elements) where !elements.isEmpty && !random.oneIn(4): mutated(elements, &random)
        case .object(let object) where !object.isEmpty && !random.oneIn(6): mutated(object, &random)
        case .string(let text) where !random.oneIn(3): .string(mutated(text, &random))
        default: replacement(for: value, &random)
        }
    }

    private func mutated(_ elements: [JSON], _ random: inout FuzzRandom) -> JSON {
        var elements = elements
        let place = random.below(elements.count)
        switch random.below(8) {
        case 0: elements.remove(at: place)
        case 1: elements.insert(elements[random.below(elements.count)], at: place)
        case 2: elements.swapAt(place, random.below(elements.count))
        case 3 where elements.count < 64:
            elements.append(contentsOf: repeatElement(elements[place], count: 1 << random.below(10)))
        default: elements[place] = mutated(elements[place], &random)
        }
        return .array(elements)
    }

    private func mutated(_ object: JSON.Object, _ random: inout FuzzRandom) -> JSON {
        var object = object
        let (key, value) = object.members[random.below(object.count)]
        switch random.below(12) {
        case 0: object[key] = nil
        case 1:
            object[key] = nil
            object[mutated(key, &random)] = value
        case 2: object[mutated(key, &random)] = value
        case 3: object[key] = object.members[random.below(object.count)].value
        default: object[key] = mutated(value, &random)
        }
        return .object(object)
    }

    private func mutated(_ text: String, _ random: inout FuzzRandom) -> String {
        var bytes = Array(text.utf8)
        mutateBytes(&bytes, like: "", &random)
        return String(decoding: bytes.prefix(4096), as: UTF8.self)
    }

    private func replacement(for value: JSON, _ random: inout FuzzRandom) -> JSON {
        switch random.below(12) {
        case 0: return .null
        case 1: return .bool(random.oneIn(2))
        case 2...6: return .int(random.pick(Self.interestingNumbers) ?? 0)
        case 7: return .double(random.pick([0.5, -0.0, 1e308, -1e-300, 3.999, 1e20]) ?? 0)
        case 8: return .string(random.pick(words).map { String(decoding: $0, as: UTF8.self) } ?? "")
        case 9: return (0..<1 + random.below(60)).reduce(value) { inner, _ in .array([inner]) }
        case 10: return random.oneIn(2) ? .array([]) : [:]
        default: return .string(String(repeating: "a", count: 1 << random.below(12)))
        }
    }

    /// The same key twice, which a parsed value cannot hold.
    private func duplicateKey(in bytes: inout [UInt8], _ random: inout FuzzRandom) {
        guard let comma = bytes.firstIndex(of: UInt8(ascii: ",")), let open = bytes.firstIndex(of: UInt8(ascii: "{")),
            open < comma
        else { return }
        bytes.insert(contentsOf: bytes[(open + 1)...comma], at: comma + 1)
    }
}
