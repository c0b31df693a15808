/// The sets of scalars that the components of `tokenizers` ask for, each as the library that it uses defines it.
struct ScalarProperties: OptionSet, Sendable {
    let rawValue: UInt8

    /// Rust's `char::is_whitespace`.
    static let whitespace = ScalarProperties(rawValue: 1 << 0)
    /// Rust's `char::is_numeric`.
    static let numeric = ScalarProperties(rawValue: 1 << 1)
    /// General categories P* of an old table, and all of ASCII's punctuation and symbols.
    static let punctuation = ScalarProperties(rawValue: 1 << 2)
    /// `\w` of Rust's regular expressions.
    static let word = ScalarProperties(rawValue: 1 << 3)
    /// What BERT's cleaning removes: categories C* of an old table, NUL and U+FFFD.
    static let control = ScalarProperties(rawValue: 1 << 4)
    /// Category Mn of an old table: what BERT strips as accents.
    static let nonspacingMark = ScalarProperties(rawValue: 1 << 5)
    /// Category M: what `StripAccents` strips.
    static let mark = ScalarProperties(rawValue: 1 << 6)

    private static let map: ScalarMap<UInt8> = {
        var map = ScalarMap<UInt8>()
        let tables: [(ScalarProperties, String)] = [
            (.whitespace, UnicodeTables.rustWhitespaceTable), (.numeric, UnicodeTables.rustNumericTable),
            (.punctuation, UnicodeTables.punctuationTable), (.word, UnicodeTables.regexWordTable),
            (.control, UnicodeTables.bertControlTable), (.nonspacingMark, UnicodeTables.bertMarkTable),
            (.mark, UnicodeTables.markTable),
        ]
        for (property, table) in tables {
            for range in UnicodeTables.ranges(table) { map.update(range) { $0 |= property.rawValue } }
        }
        return map
    }()

    /// The properties of a scalar.
    static func of(_ scalar: UInt32) -> ScalarProperties { ScalarProperties(rawValue: map[scalar]) }
}

/// The script classes of the pre-tokenizer `UnicodeScripts`.
enum ScriptClass {
    /// The class of scalars without a script of their own; they join any neighbour.
    static let any: UInt8 = 0

    private static let map: ScalarMap<UInt8> = {
        var map = ScalarMap<UInt8>()
        for run in UnicodeTables.runs(UnicodeTables.scriptClassTable) {
            map.update(run.range) { $0 = UInt8(truncatingIfNeeded: run.value) }
        }
        return map
    }()

    /// The class of a scalar: equal for Han, Hiragana and Katakana.
    static func of(_ scalar: UInt32) -> UInt8 { scalar == 0x20 ? any : map[scalar] }
}

/// Lower case per scalar, without context.
enum LowerCase {
    private static let table: (index: ScalarMap<UInt16>, targets: [[UInt32]]) = {
        var index = ScalarMap<UInt16>()
        var targets: [[UInt32]] = [[]]
        for mapping in UnicodeTables.mappings(UnicodeTables.lowerMappingTable) {
            index.update(mapping.scalar...mapping.scalar) { $0 = UInt16(targets.count) }
            targets.append(mapping.target)
        }
        return (index, targets)
    }()

    /// The lower-case scalars, or nil where the scalar stays as it is.
    static func mapping(_ scalar: UInt32) -> [UInt32]? {
        let index = table.index[scalar]
        return index == 0 ? nil : table.targets[Int(index)]
    }
}
