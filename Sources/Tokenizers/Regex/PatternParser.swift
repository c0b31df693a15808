/// Reads regular expressions in Oniguruma's syntax.
///
/// Supported is what tokenizers use and what is near it; anything else is an error that names it.
struct PatternParser {
    /// Options that groups can switch.
    struct Options {
        var ignoresCase = false
        var dotMatchesNewline = false
        var isExtended = false
    }

    let pattern: [Unicode.Scalar]
    var position = 0
    var options = Options()
    private var depth = 0
    private(set) var captureCount = 0
    private var captureNames: [String: Int] = [:]
    private var hasNamedCaptures = false

    /// Nested groups beyond this are refused.
    private static let maximumDepth = 100
    private static let maximumRepetition = 1000
    /// Quantifiers of one expression; each nests what is before it.
    private static let maximumQuantifiers = 4

    private init(_ pattern: String) {
        self.pattern = Array(pattern.unicodeScalars)
        // With named groups, plain ones do not capture.
        hasNamedCaptures = pattern.unicodeScalars.contains("<") && Self.mentionsNamedGroup(self.pattern)
    }

    /// The tree of a pattern and the number of its captures.
    static func parse(_ pattern: String) throws -> (node: PatternNode, captureCount: Int) {
        guard pattern.utf8.count <= 65_536 else {
            throw TokenizerError.pattern(String(pattern.prefix(40)) + "…", reason: "it is longer than 65,536 bytes")
        }
        var parser = PatternParser(pattern)
        let node = try parser.parseAlternatives()
        if parser.peek() != nil { throw parser.failure("a closing parenthesis has no partner") }
        return (node, parser.captureCount)
    }

    private static func mentionsNamedGroup(_ pattern: [Unicode.Scalar]) -> Bool {
        for index in pattern.indices.dropLast(3)
        where pattern[index] == "(" && pattern[index + 1] == "?" && pattern[index + 2] == "<" {
            if pattern[index + 3] != "=", pattern[index + 3] != "!" { return true }
        }
        return false
    }

    func failure(_ reason: String) -> TokenizerError {
        .pattern(String(String.UnicodeScalarView(pattern)), reason: reason)
    }

    func peek(_ ahead: Int = 0) -> Unicode.Scalar? {
        position + ahead < pattern.count ? pattern[position + ahead] : nil
    }

    mutating func take(_ text: String) -> Bool {
        let scalars = text.unicodeScalars
        guard pattern[position...].starts(with: scalars) else { return false }
        position += scalars.count
        return true
    }

    mutating func next() throws -> Unicode.Scalar {
        guard let scalar = peek() else { throw failure("it ends in the middle of an expression") }
        position += 1
        return scalar
    }
}

extension PatternParser {
    mutating func parseAlternatives() throws -> PatternNode {
        guard depth < Self.maximumDepth else { throw failure("groups nest deeper than \(Self.maximumDepth) levels") }
        depth += 1
        defer { depth -= 1 }
        var alternatives = [try parseSequence()]
        while take("|") { alternatives.append(try parseSequence()) }
        return alternatives.count == 1 ? alternatives[0] : .alternatives(alternatives)
    }

    private mutating func parseSequence() throws -> PatternNode {
        var parts: [PatternNode] = []
        while let scalar = peek(), scalar != "|", scalar != ")" {
            skipExtendedSpace()
            guard let scalar = peek(), scalar != "|", scalar != ")" else { break }
            let atom = try parseAtom()
            Self.append(try parseQuantifiers(atom), to: &parts)
        }
        return parts.isEmpty ? .empty : parts.count == 1 ? parts[0] : .sequence(parts)
    }

    /// Joins literals in a row: case folding looks at several scalars at once.
    private static func append(_ node: PatternNode, to parts: inout [PatternNode]) {
        if case .literal(let scalars, let isFolded) = node, case .literal(let before, isFolded)? = parts.last {
            parts[parts.count - 1] = .literal(before + scalars, isFolded: isFolded)
        } else if case .empty = node {
            return
        } else {
            parts.append(node)
        }
    }

    private mutating func skipExtendedSpace() {
        guard options.isExtended else { return }
        while let scalar = peek() {
            if scalar == "#" {
                while let scalar = peek(), scalar != "\n" { position += 1 }
            } else if scalar == " " || ("\t"..."\r").contains(scalar) {
                position += 1
            } else {
                return
            }
        }
    }

    private mutating func parseAtom() throws -> PatternNode {
        let scalar = try next()
        switch scalar {
        case "(": return try parseGroup()
        case "[": return try parseSet()
        case ".":
            return .set(options.dotMatchesNewline ? .all : ScalarSet(CharacterProperties.newline).inverted)
        case "^": return .assertion(.lineStart)
        case "$": return .assertion(.lineEnd)
        case "\\": return try parseEscape()
        case "*", "+", "?": throw failure("a quantifier has nothing to repeat")
        default: return .literal([scalar.value], isFolded: options.ignoresCase).folded()
        }
    }

    private mutating func parseQuantifiers(_ atom: PatternNode) throws -> PatternNode {
        var node = atom
        var count = 0
        while true {
            skipExtendedSpace()
            let bounds: (Int, Int?)
            var isInterval = false
            switch peek() {
            case "*": bounds = (0, nil)
            case "+": bounds = (1, nil)
            case "?": bounds = (0, 1)
            case "{":
                guard let interval = try parseInterval() else { return node }
                bounds = interval
                isInterval = true
            default: return node
            }
            count += 1
            guard count <= Self.maximumQuantifiers else {
                throw failure("it has more than \(Self.maximumQuantifiers) quantifiers in a row")
            }
            if !isInterval { position += 1 }
            node = try repetition(node, bounds, isInterval: isInterval)
        }
    }

    /// Applies bounds with the suffix that follows them.
    private mutating func repetition(
        _ node: PatternNode, _ bounds: (minimum: Int, maximum: Int?), isInterval: Bool
    ) throws -> PatternNode {
        if case .assertion = node { throw failure("a quantifier repeats a position") }
        var greed = PatternNode.Greed.greedy
        if take("?") {
            // Oniguruma reads `{n}?` as an optional group, not as a lazy interval.
            if isInterval, bounds.minimum == bounds.maximum {
                let exact = PatternNode.repetition(node, minimum: bounds.minimum, maximum: bounds.maximum, .greedy)
                return .repetition(exact, minimum: 0, maximum: 1, .greedy)
            }
            greed = .lazy
        } else if !isInterval, take("+") {
            greed = .possessive
        }
        return .repetition(node, minimum: bounds.minimum, maximum: bounds.maximum, greed)
    }

    /// Reads `{n}`, `{n,}`, `{,m}` or `{n,m}`; a brace that is none of these is a literal.
    private mutating func parseInterval() throws -> (Int, Int?)? {
        let start = position
        position += 1
        let minimum = try parseNumber()
        var maximum = minimum
        if take(",") { maximum = try parseNumber() } else if minimum == nil { maximum = nil }
        let hasComma = pattern[start..<position].contains(",")
        guard peek() == "}", minimum != nil || (hasComma && maximum != nil) else {
            position = start
            return nil
        }
        position += 1
        if let minimum, let maximum, maximum < minimum { throw failure("an interval ends before it begins") }
        return (minimum ?? 0, maximum)
    }

    private mutating func parseNumber() throws -> Int? {
        var value: Int?
        while let scalar = peek(), ("0"..."9").contains(scalar) {
            value = (value ?? 0) * 10 + Int(scalar.value - 0x30)
            if value ?? 0 > Self.maximumRepetition {
                throw failure("it repeats more than \(Self.maximumRepetition) times")
            }
            position += 1
        }
        return value
    }
}

extension PatternParser {
    /// Reads what follows an opening parenthesis.
    private mutating func parseGroup() throws -> PatternNode {
        let saved = options
        defer { options = saved }
        guard take("?") else {
            return hasNamedCaptures ? try parseBody() : try parseCapture(name: nil)
        }
        if take(":") { return try parseBody() }
        if take("=") { return .look(try parseBody(), isAhead: true, isNegative: false) }
        if take("!") { return .look(try parseBody(), isAhead: true, isNegative: true) }
        if take("<=") { return try lookBehind(isNegative: false) }
        if take("<!") { return try lookBehind(isNegative: true) }
        if take(">") { return .atomic(try parseBody()) }
        if take("#") {
            while try next() != ")" {}
            return .empty
        }
        if take("<") || take("'") { return try parseCapture(name: try parseGroupName()) }
        return try parseOptions()
    }

    private mutating func parseBody() throws -> PatternNode {
        let node = try parseAlternatives()
        guard take(")") else { throw failure("an opening parenthesis has no partner") }
        return node
    }

    private mutating func lookBehind(isNegative: Bool) throws -> PatternNode {
        let body = try parseBody()
        guard let maximum = body.extent.maximum, maximum <= 255 else {
            throw failure("a look-behind has no limit of its length")
        }
        return .look(body, isAhead: false, isNegative: isNegative)
    }

    private mutating func parseCapture(name: String?) throws -> PatternNode {
        captureCount += 1
        let number = captureCount
        if let name { captureNames[name] = number }
        return .capture(number, try parseBody())
    }

    private mutating func parseGroupName() throws -> String {
        var name = String.UnicodeScalarView()
        while true {
            let scalar = try next()
            if scalar == ">" || scalar == "'" { break }
            name.append(scalar)
        }
        if name.isEmpty { throw failure("a group has an empty name") }
        return String(name)
    }

    /// Reads `(?imx-imx)` and `(?imx-imx:…)`; the first form reaches to the end of the enclosing group.
    private mutating func parseOptions() throws -> PatternNode {
        var isOn = true
        while true {
            let scalar = try next()
            switch scalar {
            case "i": options.ignoresCase = isOn
            case "m": options.dotMatchesNewline = isOn
            case "x": options.isExtended = isOn
            case "-": isOn = false
            case ":": return try parseBody()
            case ")": return try parseAlternatives()
            default:
                throw failure("the group option \"\(scalar)\" is not supported")
            }
        }
    }

    /// The number of the group that `\k<name>` or `\1` refers to.
    mutating func parseNamedReference() throws -> PatternNode {
        guard take("<") || take("'") else { throw failure("\\k needs a group's name in angle brackets") }
        let name = try parseGroupName()
        guard let number = captureNames[name] ?? Int(name), (1...max(1, captureCount)).contains(number) else {
            throw failure("there is no group \"\(name)\" before its reference")
        }
        return .backReference(number)
    }
}

extension PatternNode {
    /// A folded literal as the scalars that it folds to.
    func folded() -> PatternNode {
        guard case .literal(let scalars, isFolded: true) = self else { return self }
        return .literal(scalars.flatMap(CaseFolding.fold), isFolded: true)
    }
}
