/// The named sets of Oniguruma's patterns.
enum CharacterProperties {
    static let whitespace = ScalarSet(UnicodeTables.ranges(UnicodeTables.whitespaceTable))
    static let word = ScalarSet(UnicodeTables.ranges(UnicodeTables.wordTable))
    /// `\w` within brackets: without the raised digits and fractions of Latin-1.
    static let bracketedWord = word.intersection(ScalarSet([0xB2...0xB3, 0xB9...0xB9, 0xBC...0xBE]).inverted)
    static let alphabetic = ScalarSet(UnicodeTables.ranges(UnicodeTables.alphabeticTable))
    static let uppercase = ScalarSet(UnicodeTables.ranges(UnicodeTables.uppercaseTable))
    static let lowercase = ScalarSet(UnicodeTables.ranges(UnicodeTables.lowercaseTable))
    static let hexadecimal = ScalarSet([0x30...0x39, 0x41...0x46, 0x61...0x66])
    static let digit = category(["Nd"])
    static let newline: UInt32 = 0x0A

    private static let categories: [String: ScalarSet] = {
        var ranges: [String: [ClosedRange<UInt32>]] = [:]
        for run in UnicodeTables.runs(UnicodeTables.categoryTable) {
            ranges[UnicodeTables.categoryNames[run.value], default: []].append(run.range)
        }
        var sets = ranges.mapValues { ScalarSet($0) }
        sets["Cs"] = ScalarSet([0xD800...0xDFFF])
        sets["Cn"] = ScalarSet(sets.values.flatMap(\.ranges)).inverted
        return sets
    }()

    private static let scripts: [String: ScalarSet] = {
        var ranges: [String: [ClosedRange<UInt32>]] = [:]
        for run in UnicodeTables.runs(UnicodeTables.scriptTable) {
            ranges[folded(UnicodeTables.scriptNames[run.value]), default: []].append(run.range)
        }
        return ranges.mapValues { ScalarSet($0) }
    }()

    private static let categoryNames: [String: [String]] = {
        var names: [String: [String]] = [
            "letter": ["L"], "casedletter": ["LC"], "uppercaseletter": ["Lu"], "lowercaseletter": ["Ll"],
            "titlecaseletter": ["Lt"], "modifierletter": ["Lm"], "otherletter": ["Lo"], "mark": ["M"],
            "combiningmark": ["M"], "nonspacingmark": ["Mn"], "spacingmark": ["Mc"], "enclosingmark": ["Me"],
            "number": ["N"], "decimalnumber": ["Nd"], "letternumber": ["Nl"], "othernumber": ["No"],
            "punctuation": ["P"], "connectorpunctuation": ["Pc"], "dashpunctuation": ["Pd"], "openpunctuation": ["Ps"],
            "closepunctuation": ["Pe"], "initialpunctuation": ["Pi"], "finalpunctuation": ["Pf"],
            "otherpunctuation": ["Po"], "symbol": ["S"], "mathsymbol": ["Sm"], "currencysymbol": ["Sc"],
            "modifiersymbol": ["Sk"], "othersymbol": ["So"], "separator": ["Z"], "spaceseparator": ["Zs"],
            "lineseparator": ["Zl"], "paragraphseparator": ["Zp"], "other": ["C"], "control": ["Cc"],
            "format": ["Cf"], "surrogate": ["Cs"], "privateuse": ["Co"], "unassigned": ["Cn"],
        ]
        for name in categories.keys { names[name.lowercased(), default: []] = [name] }
        for group in ["L", "M", "N", "P", "S", "Z", "C"] {
            names[group.lowercased()] = categories.keys.filter { $0.hasPrefix(group) }
        }
        names["lc"] = ["Lu", "Ll", "Lt"]
        return names.mapValues { $0.flatMap { names[$0.lowercased()] ?? [$0] } }
    }()

    private static func category(_ names: [String]) -> ScalarSet {
        ScalarSet(names.flatMap { categories[$0]?.ranges ?? [] })
    }

    /// The set that `\p{name}` stands for, or nil for a name that is not known. Case, spaces, `-` and `_` do not
    /// matter.
    static func named(_ name: String) -> ScalarSet? {
        let name = folded(name)
        if let set = posix(name, isBracket: false) { return set }
        if let names = categoryNames[name] { return category(names) }
        if let script = scripts[scriptAliases[name] ?? name] { return script }
        switch name {
        case "any": return .all
        case "assigned": return category(["Cn"]).inverted
        case "alphabetic": return alphabetic
        case "uppercase": return uppercase
        case "lowercase": return lowercase
        case "whitespace": return whitespace
        default: return nil
        }
    }

    /// The set of a bracket expression like `[:alpha:]`, or of the property of the same name.
    static func posix(_ name: String, isBracket: Bool) -> ScalarSet? {
        switch name {
        case "alpha": return alphabetic
        case "digit": return digit
        case "alnum": return alphabetic.union(digit)
        case "upper": return uppercase
        case "lower": return lowercase
        case "space": return whitespace
        case "word": return isBracket ? bracketedWord : word
        case "xdigit": return hexadecimal
        case "ascii": return ScalarSet([0...0x7F])
        case "cntrl": return category(["Cc"])
        case "blank": return category(["Zs"]).union(ScalarSet(0x09))
        case "graph": return whitespace.union(category(["Cc", "Cn", "Cs"])).inverted
        case "print": return whitespace.union(category(["Cc", "Cn", "Cs"])).inverted.union(category(["Zs"]))
        case "punct":
            let punctuation = category(categoryNames["p"] ?? [])
            return isBracket ? punctuation.union(category(categoryNames["s"] ?? [])) : punctuation
        default: return nil
        }
    }

    private static let scriptAliases = [
        "hani": "han", "hira": "hiragana", "kana": "katakana", "hang": "hangul", "latn": "latin", "cyrl": "cyrillic",
        "grek": "greek", "arab": "arabic", "hebr": "hebrew", "deva": "devanagari", "beng": "bengali", "taml": "tamil",
        "telu": "telugu", "mymr": "myanmar", "khmr": "khmer", "laoo": "lao", "tibt": "tibetan", "geor": "georgian",
        "armn": "armenian", "ethi": "ethiopic", "mong": "mongolian", "bopo": "bopomofo", "zyyy": "common",
        "zinh": "inherited", "qaai": "inherited", "gujr": "gujarati", "guru": "gurmukhi", "knda": "kannada",
        "mlym": "malayalam", "orya": "oriya", "sinh": "sinhala", "syrc": "syriac", "thaa": "thaana", "yiii": "yi",
    ]

    private static func folded(_ name: String) -> String {
        name.lowercased().filter { !" -_".contains($0) }
    }
}

/// Case folding (Unicode's full folding) and the scalars that fold alike.
enum CaseFolding {
    private static let table: [UInt32: [UInt32]] = Dictionary(
        UnicodeTables.mappings(UnicodeTables.caseFoldingTable).map { ($0.scalar, $0.target) },
        uniquingKeysWith: { first, _ in first })

    /// The scalars of each folding that are more than one, or a scalar that folds to another.
    private static let byFolding: [[UInt32]: [UInt32]] = Dictionary(grouping: table.keys) { table[$0] ?? [] }

    /// The scalars that fold to several.
    static let expanding: [(scalar: UInt32, folding: [UInt32])] =
        table.filter { $0.value.count > 1 }.map { ($0.key, $0.value) }.sorted { $0.scalar < $1.scalar }

    /// The full folding of a scalar.
    static func fold(_ scalar: UInt32) -> [UInt32] { table[scalar] ?? [scalar] }

    /// The set with every scalar that differs from a member only in case.
    static func closure(_ set: ScalarSet) -> ScalarSet {
        var added: [ClosedRange<UInt32>] = []
        for (folding, scalars) in byFolding {
            let alike = folding.count == 1 ? scalars + folding : scalars
            if alike.contains(where: { set.contains($0) }) { added += alike.map { $0...$0 } }
        }
        return set.union(ScalarSet(added))
    }
}
