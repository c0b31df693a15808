/// A compiled regular expression, or a plain text, that cuts texts at its matches.
struct Pattern: Sendable {
    /// The pattern as written, for messages.
    let source: String
    let program: PatternProgram

    /// - Throws: `TokenizerError.pattern`.
    init(regex: String) throws {
        source = regex
        program = try PatternProgram(regex)
    }

    /// A pattern that matches exactly this text.
    init(literal: String) throws {
        let special = "\\.+*?()|[]{}^$#&-~"
        var escaped = ""
        for scalar in literal.unicodeScalars {
            if special.unicodeScalars.contains(scalar) { escaped += "\\" }
            escaped.unicodeScalars.append(scalar)
        }
        source = literal
        program = try PatternProgram(escaped)
    }

    /// Calls `body` for each stretch of a range in order, matched or not.
    ///
    /// A match without extent directly after another match is passed over.
    func forEachStretch(
        in bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ matcher: PatternMatcher,
        _ body: (Range<Int>, _ isMatch: Bool) -> Void
    ) throws {
        // In an empty text nothing is matched, not even by a pattern that matches nothing.
        if range.isEmpty { return }
        var before = range.lowerBound
        var position = range.lowerBound
        var lastEnd: Int?
        while position <= range.upperBound,
            let match = try matcher.firstMatch(
                of: self, in: bytes, origin: range.lowerBound, from: position, to: range.upperBound)
        {
            if match.isEmpty, match.upperBound == lastEnd {
                if position >= range.upperBound { break }
                position += UTF8Text.length(lead: bytes[position])
                continue
            }
            position = match.upperBound
            lastEnd = match.upperBound
            if before < match.lowerBound { body(before..<match.lowerBound, false) }
            body(max(before, match.lowerBound)..<match.upperBound, true)
            before = match.upperBound
        }
        if before < range.upperBound { body(before..<range.upperBound, false) }
    }
}
