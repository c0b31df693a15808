/// A part of an explanation: facts by name, and a table below them.
struct Section {
    /// Its title.
    var title: String
    /// Facts in order.
    var facts: [(name: String, value: String)] = []
    /// What is listed.
    var table: Table?
    /// Sentences at the end.
    var notes: [String] = []

    init(_ title: String) {
        self.title = title
    }

    /// Adds a fact, if there is one.
    mutating func add(_ name: String, _ value: String?) {
        if let value, !value.isEmpty { facts.append((name, value)) }
    }

    /// The part as lines.
    var lines: [String] {
        var lines = [title.oneLine]
        lines += Table(rows: facts.map { ["  " + $0.name, $0.value] }).lines
        if let table, !table.rows.isEmpty {
            if !facts.isEmpty { lines.append("") }
            lines += table.lines.map { "  " + $0 }
        }
        if !notes.isEmpty {
            lines.append("")
            lines += notes.map { "  " + $0.oneLine }
        }
        return lines
    }

    /// Writes parts with an empty line between them.
    static func print(_ sections: [Section]) throws {
        try Console.print(sections.map { $0.lines.joined(separator: "\n") }.joined(separator: "\n\n"))
    }
}
