extension PatternParser {
    /// Reads what follows a backslash outside brackets.
    mutating func parseEscape() throws -> PatternNode {
        let scalar = try next()
        switch scalar {
        case "A": return .assertion(.textStart)
        case "z": return .assertion(.textEnd)
        case "Z": return .assertion(.textEndBeforeNewline)
        case "b": return .assertion(.wordBoundary)
        case "B": return .assertion(.notWordBoundary)
        case "G": return .assertion(.searchStart)
        case "K": return .keep
        case "N": return .set(ScalarSet(CharacterProperties.newline).inverted)
        case "O": return .set(.all)
        case "R":
            let single = ScalarSet([0x0A...0x0D, 0x85...0x85, 0x2028...0x2029])
            return .atomic(.alternatives([.literal([0x0D, 0x0A], isFolded: false), .set(single)]))
        case "k": return try parseNamedReference()
        case "1"..."9" where isReference(scalar):
            return .backReference(Int(scalar.value - 0x30))
        default:
            if let set = try parseShorthand(scalar) { return .set(set) }
            return .literal([try parseScalarEscape(scalar)], isFolded: options.ignoresCase).folded()
        }
    }

    /// A digit counts as a reference where there is such a group already and no further digit makes it octal.
    private func isReference(_ digit: Unicode.Scalar) -> Bool {
        if let after = peek(), ("0"..."9").contains(after) { return false }
        return Int(digit.value - 0x30) <= captureCount
    }

    /// The set of `\d`, `\p{…}` and the like, or nil where the escape is a single scalar.
    private mutating func parseShorthand(_ scalar: Unicode.Scalar) throws -> ScalarSet? {
        switch scalar {
        case "d": return CharacterProperties.digit
        case "D": return CharacterProperties.digit.inverted
        case "w": return CharacterProperties.word
        case "W": return CharacterProperties.word.inverted
        case "s": return CharacterProperties.whitespace
        case "S": return CharacterProperties.whitespace.inverted
        case "h": return CharacterProperties.hexadecimal
        case "H": return CharacterProperties.hexadecimal.inverted
        case "p" where peek() == "{": return try parseProperty(isNegative: false)
        case "P" where peek() == "{": return try parseProperty(isNegative: true)
        default: return nil
        }
    }

    private mutating func parseProperty(isNegative: Bool) throws -> ScalarSet {
        position += 1
        let isInverted = take("^")
        var name = String.UnicodeScalarView()
        while true {
            let scalar = try next()
            if scalar == "}" { break }
            name.append(scalar)
        }
        guard let set = CharacterProperties.named(String(name)) else {
            throw failure("the character property \"\(String(name))\" is not known")
        }
        return isNegative != isInverted ? set.inverted : set
    }

    /// The scalar of an escape that stands for one.
    private mutating func parseScalarEscape(_ scalar: Unicode.Scalar) throws -> UInt32 {
        switch scalar {
        case "t": return 0x09
        case "n": return 0x0A
        case "v": return 0x0B
        case "f": return 0x0C
        case "r": return 0x0D
        case "a": return 0x07
        case "e": return 0x1B
        case "x": return take("{") ? try parseHexadecimal(upTo: 8, isBraced: true) : try parseByteEscape()
        case "u": return try parseHexadecimal(upTo: 4, isBraced: false)
        case "0"..."7": return try parseOctal(first: scalar)
        case "X", "y", "Y", "c", "C", "M", "g", "o":
            throw failure("the escape \"\\\(scalar)\" is not supported")
        default: return scalar.value
        }
    }

    private mutating func parseHexadecimal(upTo limit: Int, isBraced: Bool) throws -> UInt32 {
        var value: UInt32 = 0
        var count = 0
        while count < limit, let scalar = peek(), let digit = Self.hexadecimal(scalar) {
            value = value << 4 | digit
            count += 1
            position += 1
        }
        if isBraced {
            guard count > 0, take("}") else { throw failure("an escape \\x{…} is not closed") }
        } else if count != limit {
            throw failure("an escape needs \(limit) hexadecimal digits")
        }
        guard Unicode.Scalar(value) != nil else { throw failure("an escape names no Unicode scalar") }
        return value
    }

    /// Reads `\xHH`; bytes beyond ASCII spell a scalar in UTF-8.
    private mutating func parseByteEscape() throws -> UInt32 {
        var bytes = [UInt8(truncatingIfNeeded: try parseHexadecimal(upTo: 2, isBraced: false))]
        let length = UTF8Text.length(lead: bytes[0])
        while bytes.count < length {
            guard take("\\x") else { throw failure("bytes written as \\x do not form a scalar in UTF-8") }
            bytes.append(UInt8(truncatingIfNeeded: try parseHexadecimal(upTo: 2, isBraced: false)))
        }
        let text = String(decoding: bytes, as: UTF8.self).unicodeScalars
        guard text.count == 1, let scalar = text.first, Array(String(scalar).utf8) == bytes else {
            throw failure("bytes written as \\x do not form a scalar in UTF-8")
        }
        return scalar.value
    }

    private mutating func parseOctal(first: Unicode.Scalar) throws -> UInt32 {
        var value = first.value - 0x30
        var count = 1
        while count < 3, let scalar = peek(), ("0"..."7").contains(scalar) {
            value = value << 3 | (scalar.value - 0x30)
            count += 1
            position += 1
        }
        return value
    }

    private static func hexadecimal(_ scalar: Unicode.Scalar) -> UInt32? {
        scalar.isASCII ? Character(scalar).hexDigitValue.map { UInt32($0) } : nil
    }
}

extension PatternParser {
    /// Reads a bracketed set; its opening bracket is read already.
    mutating func parseSet() throws -> PatternNode {
        let (set, isNegative) = try parseSetBody(depth: 0)
        guard options.ignoresCase else { return .set(isNegative ? set.inverted : set) }
        let closure = CaseFolding.closure(set)
        if isNegative { return .set(closure.inverted) }
        // A member that folds to several scalars matches those scalars too.
        let expansions = CaseFolding.expanding.filter { set.contains($0.scalar) }.map(\.folding)
        if expansions.isEmpty { return .set(closure) }
        return .alternatives([.set(closure)] + expansions.map { .literal($0, isFolded: true) })
    }

    private mutating func parseSetBody(depth: Int) throws -> (ScalarSet, isNegative: Bool) {
        guard depth < 20 else { throw failure("sets nest deeper than 20 levels") }
        let isNegative = take("^")
        var ranges: [ClosedRange<UInt32>] = []
        var intersected: ScalarSet?
        var isFirst = true
        while true {
            guard let scalar = peek() else { throw failure("an opening bracket has no partner") }
            if scalar == "]", !isFirst { break }
            isFirst = false
            if take("&&") {
                let part = ScalarSet(ranges)
                intersected = intersected.map { $0.intersection(part) } ?? part
                ranges = []
            } else {
                ranges += try parseSetItem(depth: depth)
            }
        }
        position += 1
        let last = ScalarSet(ranges)
        return (intersected.map { $0.intersection(last) } ?? last, isNegative)
    }

    private mutating func parseSetItem(depth: Int) throws -> [ClosedRange<UInt32>] {
        if take("[:"), let set = parseBracketName() { return set.ranges }
        if take("[") {
            let (set, isNegative) = try parseSetBody(depth: depth + 1)
            return (isNegative ? set.inverted : set).ranges
        }
        let (set, first) = try parseSetMember()
        if let set { return set.ranges }
        guard peek() == "-", let after = peek(1), after != "]" else { return [first...first] }
        position += 1
        if peek() == "[" {
            // `a-[…]`: the dash stands for itself.
            return [first...first, 0x2D...0x2D]
        }
        let (upperSet, last) = try parseSetMember()
        guard upperSet == nil else { throw failure("a range ends in a set") }
        guard first <= last else { throw failure("a range in a set ends before it begins") }
        return [first...last]
    }

    /// One scalar or shorthand of a set.
    private mutating func parseSetMember() throws -> (set: ScalarSet?, scalar: UInt32) {
        let scalar = try next()
        guard scalar == "\\" else { return (nil, scalar.value) }
        let escaped = try next()
        if escaped == "w" { return (CharacterProperties.bracketedWord, 0) }
        if escaped == "W" { return (CharacterProperties.bracketedWord.inverted, 0) }
        if let set = try parseShorthand(escaped) { return (set, 0) }
        return (nil, escaped == "b" ? 0x08 : try parseScalarEscape(escaped))
    }

    /// Reads `name:]` after `[:`, or steps back where it is not a known name.
    private mutating func parseBracketName() -> ScalarSet? {
        let start = position
        let isNegative = take("^")
        var name = ""
        while let scalar = peek(), ("a"..."z").contains(scalar) {
            name.unicodeScalars.append(scalar)
            position += 1
        }
        if take(":]"), let set = CharacterProperties.posix(name, isBracket: true) {
            return isNegative ? set.inverted : set
        }
        position = start - 2
        return nil
    }
}
