import Files
import Foundation

extension RunReport {
    /// The report as one HTML document that needs nothing else: no script, no font, no image from anywhere.
    public func html() -> String {
        let body: HTML = """
            <body>
            <main class="\(mood.rawValue)">
            \(header)
            \(tiles)
            \(warningList)
            \(curveSection)
            \(forecastSection)
            \(evaluationSection)
            \(classSection)
            \(outputSection)
            \(configurationSection)
            </main>
            <footer>Written by graft\(environment.map { " " + $0.graft } ?? "")</footer>
            </body>
            """
        return HTML.page(sentence, body).text
    }

    /// Writes the report, whole or not at all.
    public func write(to file: URL) throws {
        try AtomicFile.write(Array(html().utf8), to: file)
    }
}

extension HTML {
    /// A section under a heading; nothing if it has no content.
    static func section(_ title: String, _ content: HTML) -> HTML {
        content.text.isEmpty ? HTML() : "<section>\n<h2>\(title)</h2>\n\(content)\n</section>"
    }

    /// A list of names and values.
    static func facts(_ facts: [(name: String, value: String)]) -> HTML {
        let rows = facts.filter { !$0.value.isEmpty }.map { fact -> HTML in
            "<div><dt>\(fact.name)</dt><dd>\(fact.value)</dd></div>\n"
        }
        return rows.isEmpty ? HTML() : "<dl class=\"facts\">\n\(rows)</dl>"
    }
}
