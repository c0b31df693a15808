/// Decompositions, compositions and combining classes, as the library `tokenizers` knows them.
struct NormalizationData: Sendable {
    static let shared = NormalizationData()

    private var classes = ScalarMap<UInt8>()
    private var canonical = ScalarMap<UInt16>()
    private var compatible = ScalarMap<UInt16>()
    private var targets: [[UInt32]] = [[]]
    private var compositions: [UInt64: UInt32] = [:]

    private init() {
        for run in UnicodeTables.runs(UnicodeTables.combiningClassTable) {
            classes.update(run.range) { $0 = UInt8(truncatingIfNeeded: run.value) }
        }
        for mapping in UnicodeTables.mappings(UnicodeTables.canonicalDecompositionTable) {
            canonical.update(mapping.scalar...mapping.scalar) { $0 = UInt16(targets.count) }
            targets.append(mapping.target)
        }
        for mapping in UnicodeTables.mappings(UnicodeTables.compatibilityDecompositionTable) {
            compatible.update(mapping.scalar...mapping.scalar) { $0 = UInt16(targets.count) }
            targets.append(mapping.target)
        }
        for mapping in UnicodeTables.mappings(UnicodeTables.compositionPairsTable) where mapping.target.count == 2 {
            compositions[Self.key(mapping.target[0], mapping.target[1])] = mapping.scalar
        }
    }

    private static func key(_ first: UInt32, _ second: UInt32) -> UInt64 { UInt64(first) << 32 | UInt64(second) }

    func combiningClass(_ scalar: UInt32) -> UInt8 { scalar < 0x300 ? 0 : classes[scalar] }

    /// The full decomposition, or nil where the scalar stays as it is.
    func decomposition(_ scalar: UInt32, isCompatible: Bool) -> [UInt32]? {
        if let hangul = Hangul.decomposition(scalar) { return hangul }
        if isCompatible {
            let index = compatible[scalar]
            if index != 0 { return targets[Int(index)] }
        }
        let index = canonical[scalar]
        return index == 0 ? nil : targets[Int(index)]
    }

    /// The scalar that both compose to.
    func composition(_ first: UInt32, _ second: UInt32) -> UInt32? {
        if second < 0x300 { return nil }
        return Hangul.composition(first, second) ?? compositions[Self.key(first, second)]
    }
}

/// The arithmetic of Hangul syllables (Unicode, section 3.12).
private enum Hangul {
    static func decomposition(_ scalar: UInt32) -> [UInt32]? {
        guard (0xAC00...0xD7A3).contains(scalar) else { return nil }
        let index = scalar - 0xAC00
        let parts = [0x1100 + index / 588, 0x1161 + index % 588 / 28]
        return index % 28 == 0 ? parts : parts + [0x11A7 + index % 28]
    }

    static func composition(_ first: UInt32, _ second: UInt32) -> UInt32? {
        if (0x1100...0x1112).contains(first), (0x1161...0x1175).contains(second) {
            return 0xAC00 + ((first - 0x1100) * 21 + second - 0x1161) * 28
        }
        if (0xAC00...0xD7A3).contains(first), (first - 0xAC00) % 28 == 0, (0x11A8...0x11C2).contains(second) {
            return first + second - 0x11A7
        }
        return nil
    }
}
