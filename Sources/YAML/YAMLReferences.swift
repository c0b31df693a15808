/// Finds anchors and aliases in a YAML text before anything expands them: a few lines of them can stand for billions of
/// values.
///
/// Works on the characters, so that what looks like one at the start of a line inside a block of text counts, too; such a
/// text can be put in quotes.
struct YAMLReferences {
    private enum Quote: Character {
        case single = "'"
        case double = "\""
    }

    private var quote: Quote?
    /// The last character of the line that is not a space.
    private var last: Character?
    private var isAfterSpace = true

    /// The place of the first anchor or alias; lines and columns count from 1.
    static func first(in text: String) -> (line: Int, column: Int)? {
        var scanner = YAMLReferences()
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (number, line) in lines.enumerated() {
            if let column = scanner.scan(Array(line)) { return (number + 1, column + 1) }
        }
        return nil
    }

    private mutating func scan(_ line: [Character]) -> Int? {
        (last, isAfterSpace) = (nil, true)
        var place = 0
        while place < line.count {
            let character = line[place]
            if let quote {
                if quote == .double, character == "\\" {
                    place += 1
                } else if character == quote.rawValue {
                    // Two single quotes stand for one.
                    if quote == .single, place + 1 < line.count, line[place + 1] == "'" {
                        place += 1
                    } else {
                        self.quote = nil
                    }
                }
            } else if character == "#", isAfterSpace {
                return nil
            } else if startsToken {
                if let opening = Quote(rawValue: character) { quote = opening }
                if "&*".contains(character), place + 1 < line.count, !line[place + 1].isWhitespace { return place }
            }
            if !character.isWhitespace { last = character }
            isAfterSpace = character.isWhitespace
            place += 1
        }
        return nil
    }

    /// True where a value may begin: at the start of a line, after a bracket or comma, after an indicator and a space.
    private var startsToken: Bool {
        guard let last else { return true }
        return "[{,".contains(last) || (isAfterSpace && ":-?".contains(last))
    }
}
