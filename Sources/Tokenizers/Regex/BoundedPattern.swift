/// A regular expression that stops after a bounded number of steps, for texts and patterns of any origin.
package struct BoundedPattern: Sendable {
    private let pattern: Pattern

    /// - Parameter regex: in the syntax of Oniguruma; Python's names of groups, `(?P<name>…)` and `(?P=name)`, are read, too.
    /// - Throws: `TokenizerError.pattern` for what is malformed or not supported.
    package init(_ regex: String) throws {
        // Alone it must be an expression: nothing in it may close the group around it.
        _ = try Pattern(regex: Self.translated(regex))
        pattern = try Pattern(regex: "\\A(?:\(Self.translated(regex)))\\z")
    }

    /// Whether the expression matches the whole text.
    ///
    /// - Throws: `TokenizerError.patternTooSlow` where that takes too many steps.
    package func matchesWhole(_ text: String) throws -> Bool {
        var text = text
        return try text.withUTF8 { bytes in
            let matcher = PatternMatcher()
            return try matcher.firstMatch(of: pattern, in: bytes, origin: 0, from: 0, to: bytes.count) != nil
        }
    }

    private static func translated(_ regex: String) -> String {
        guard regex.contains("(?P") else { return regex }
        var output = ""
        var rest = regex.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            output.unicodeScalars.append(scalar)
            if scalar == "\\" {
                if let escaped = rest.popFirst() { output.unicodeScalars.append(escaped) }
            } else if scalar == "(", rest.starts(with: "?P<".unicodeScalars) {
                rest = rest.dropFirst(2)
                output += "?"
            } else if scalar == "(", rest.starts(with: "?P=".unicodeScalars), let end = rest.firstIndex(of: ")") {
                output.removeLast()
                output += "\\k<\(String(rest[..<end].dropFirst(3)))>"
                rest = rest[rest.index(after: end)...]
            }
        }
        return output
    }
}
