/// The words and signs of a Swift file, without comments and strings.
struct Tokens: Sequence, IteratorProtocol {
    private let text: String
    private var place: String.Index

    init(_ text: String) {
        self.text = text
        place = text.startIndex
    }

    /// The next word, or a single sign.
    mutating func next() -> Substring? {
        while place < text.endIndex {
            let rest = text[place...]
            if rest.hasPrefix("//") {
                place = rest.firstIndex(where: \.isNewline) ?? text.endIndex
            } else if rest.hasPrefix("/*") {
                skipComment()
            } else if rest.first == "\"" || rest.first == "#" {
                if !skipString() { return take(1) }
            } else if rest.first?.isWhitespace == true {
                place = text.index(after: place)
            } else {
                let word = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
                return take(Swift.max(1, word.count))
            }
        }
        return nil
    }

    private mutating func take(_ count: Int) -> Substring {
        let start = place
        place = text.index(place, offsetBy: count)
        return text[start..<place]
    }

    /// Comments nest.
    private mutating func skipComment() {
        var depth = 0
        while place < text.endIndex {
            let rest = text[place...]
            if rest.hasPrefix("/*") {
                depth += 1
                place = text.index(place, offsetBy: 2)
            } else if rest.hasPrefix("*/") {
                depth -= 1
                place = text.index(place, offsetBy: 2)
                if depth == 0 { return }
            } else {
                place = text.index(after: place)
            }
        }
    }

    /// Passes over `"…"`, `"""…"""` and their forms with `#`. False where a `#` begins no string.
    private mutating func skipString() -> Bool {
        let hashes = text[place...].prefix { $0 == "#" }
        let opening = text[hashes.endIndex...].prefix { $0 == "\"" }
        guard !opening.isEmpty else { return false }
        if opening.count == 2 {
            place = opening.endIndex
            return true
        }
        let quotes = opening.count >= 3 ? "\"\"\"" : "\""
        let (ending, escape) = (quotes + hashes, "\\" + hashes)
        place = text.index(hashes.endIndex, offsetBy: quotes.count)
        while place < text.endIndex {
            let rest = text[place...]
            // A quotation mark in a regular expression opens nothing: no string but a long one goes over a line's end.
            if quotes.count == 1, rest.first?.isNewline == true { return true }
            if rest.hasPrefix(ending) {
                place = text.index(place, offsetBy: ending.count)
                return true
            }
            if rest.hasPrefix(escape + "(") {
                place = text.index(place, offsetBy: escape.count + 1)
                skipInterpolation()
            } else if rest.hasPrefix(escape) {
                place = text.index(place, offsetBy: escape.count)
                if place < text.endIndex { place = text.index(after: place) }
            } else {
                place = text.index(after: place)
            }
        }
        return true
    }

    /// Passes over what stands between the parentheses, strings in it included.
    private mutating func skipInterpolation() {
        var depth = 1
        while depth > 0, let token = next() {
            if token == "(" { depth += 1 }
            if token == ")" { depth -= 1 }
        }
    }
}
