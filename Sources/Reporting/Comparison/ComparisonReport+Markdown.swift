extension ComparisonReport {
    /// The comparison as a Markdown document.
    public var markdown: String {
        var blocks = ["# Comparison", sentence.inMarkdown]
        if !budget.isEmpty { blocks.append("Budget: \(budget.joined(separator: ", ")).".inMarkdown) }
        for group in groups {
            blocks.append("## " + "\(group.model.lastPathComponent), \(group.data.lastPathComponent)".inMarkdown)
            blocks.append("\(group.task.inWords): `\(group.model.inCode)` on `\(group.data.inCode)`")
            if !group.warnings.isEmpty {
                blocks.append(group.warnings.map { "- **Warning:** \($0.inMarkdown)" }.joined(separator: "\n"))
            }
            let table = ComparisonTable(group)
            blocks.append(Self.markdown(table))
            let remarks = table.rows.filter { !$0.remarks.isEmpty }.map { row in
                "- **\(row.run.name.inMarkdown)**: \(row.remarks.joined(separator: "; ").inMarkdown)"
            }
            if !remarks.isEmpty { blocks.append(remarks.joined(separator: "\n")) }
            let choices = group.runs.filter { !$0.choices.isEmpty }.map { run in
                "- **\(run.name.inMarkdown)**: \(run.choices.joined(separator: ", ").inMarkdown)"
            }
            if !choices.isEmpty { blocks.append("What the recipes choose:\n\n" + choices.joined(separator: "\n")) }
        }
        if !unreadable.isEmpty {
            blocks.append("## Recipes that could not be read")
            blocks.append(
                unreadable.map { "- **\($0.name.inMarkdown)**: \($0.reason.inMarkdown)" }.joined(separator: "\n"))
        }
        if !groups.isEmpty { blocks.append(ComparisonTable.legend.map { "- \($0)" }.joined(separator: "\n")) }
        blocks.append("Written by graft \(graft.inMarkdown).")
        return blocks.joined(separator: "\n\n") + "\n"
    }

    private static func markdown(_ table: ComparisonTable) -> String {
        func line(_ cells: [String]) -> String { "| \(cells.joined(separator: " | ")) |" }
        let head = line(table.columns.map(\.title.inMarkdown))
        let rule = line(table.columns.map { $0.isText ? "---" : "---:" })
        let rows = table.rows.map { row in line(row.cells.map { $0.isEmpty ? "–" : $0.inMarkdown }) }
        return ([head, rule] + rows).joined(separator: "\n")
    }
}

extension String {
    /// The text so that Markdown shows it as it is written, on one line.
    fileprivate var inMarkdown: String {
        let special = Set("\\`*_[]<>|#".unicodeScalars)
        return withoutControlCharacters.unicodeScalars.reduce(into: "") { text, scalar in
            if special.contains(scalar) { text += "\\" }
            text.unicodeScalars.append(scalar)
        }
    }

    /// The text for a span of code, which no backquote may end.
    fileprivate var inCode: String {
        withoutControlCharacters.replacing("`", with: "'")
    }
}
