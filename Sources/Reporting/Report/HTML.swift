/// Markup. Text that is interpolated into it is escaped; only other markup goes in as it is.
///
/// ```swift
/// let cell: HTML = "<td>\(name)</td>"   // a name such as "<b>" shows as it is written
/// ```
struct HTML: Sendable, Hashable, ExpressibleByStringInterpolation {
    private(set) var text: String

    /// No markup.
    init() { text = "" }

    /// Markup that this source file writes; never text from outside.
    init(stringLiteral literal: String) { text = literal }

    init(stringInterpolation: StringInterpolation) { text = stringInterpolation.text }

    /// Joins pieces of markup.
    init(_ pieces: some Sequence<HTML>) {
        text = ""
        for piece in pieces { text += piece.text }
    }

    /// Collects the pieces of an interpolated literal.
    struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var text = ""

        init(literalCapacity: Int, interpolationCount: Int) {
            text.reserveCapacity(literalCapacity + 16 * interpolationCount)
        }

        mutating func appendLiteral(_ literal: String) { text += literal }
        mutating func appendInterpolation(_ markup: HTML) { text += markup.text }
        mutating func appendInterpolation(_ pieces: [HTML]) { for piece in pieces { text += piece.text } }
        mutating func appendInterpolation(_ number: Int) { text += String(number) }
        mutating func appendInterpolation(_ outside: String) { text += HTML.escaped(outside) }
        /// A coordinate: three decimals are finer than a screen.
        mutating func appendInterpolation(coordinate: Double) {
            text += Quantity.trimmed(Quantity.fixed(coordinate.isFinite ? coordinate : 0, decimals: 3))
        }
    }

    /// A document that needs nothing else: no script, no font, no image from anywhere.
    static func page(_ title: String, _ body: HTML) -> HTML {
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>\(title)</title>
        <style>\(HTML.stylesheet)</style>
        </head>
        \(body)
        </html>

        """
    }

    /// Text that cannot be read as markup, in content and in quoted attributes. Control characters, which HTML
    /// forbids, and marks that turn the reading direction become `�`.
    static func escaped(_ text: String) -> String {
        var clean = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": clean.append(contentsOf: "&amp;".unicodeScalars)
            case "<": clean.append(contentsOf: "&lt;".unicodeScalars)
            case ">": clean.append(contentsOf: "&gt;".unicodeScalars)
            case "\"": clean.append(contentsOf: "&quot;".unicodeScalars)
            case "'": clean.append(contentsOf: "&#39;".unicodeScalars)
            case "\n", "\t": clean.append(scalar)
            case "\u{0}"..<" ", "\u{7F}"..<"\u{A0}", "\u{202A}"..."\u{202E}", "\u{2066}"..."\u{2069}":
                clean.append("\u{FFFD}")
            default: clean.append(scalar)
            }
        }
        return String(clean)
    }
}
