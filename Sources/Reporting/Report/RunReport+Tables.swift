/// Evaluations and classes, as tables.
extension RunReport {
    private static let shownRows = 60

    var evaluationSection: HTML {
        guard !evaluations.isEmpty else { return HTML() }
        var names: [String] = []
        for record in evaluations {
            for metric in record.metrics where !names.contains(metric.name) { names.append(metric.name) }
        }
        let shown = names.prefix(8)
        let splits = Set(evaluations.map(\.split)).count
        let best = headlineMetric.flatMap(bestEvaluation)
        let rows = evaluations.map { record -> HTML in
            let cells = shown.map { name -> HTML in
                "<td>\(record.metrics[name].map(Self.cell) ?? "–")</td>"
            }
            let split: HTML = splits > 1 ? "<td class=\"text\">\(record.split)</td>" : ""
            let isBest = record == best
            return """
                <tr\(isBest ? " class=\"own\"" as HTML : "")><td>\(Quantity.count(record.step))</td>\
                <td>\(record.epoch.isFinite ? Quantity.fixed(record.epoch, decimals: 2) : "–")</td>\(split)\(cells)\
                <td>\(Quantity.duration(record.seconds))</td><td class="note">\(isBest ? "best" : "")</td></tr>

                """
        }
        let heads = shown.map { name -> HTML in "<th>\(name.inWords)</th>" }
        let head: HTML = """
            <th>step</th><th>epoch</th>\(splits > 1 ? "<th class=\"text\">split</th>" as HTML : "")\(heads)\
            <th>time</th><th></th>
            """
        return .section("Evaluations", Self.table(head: head, rows: rows, noun: "evaluations"))
    }

    var classSection: HTML {
        guard let summary, !summary.classes.isEmpty || !summary.confusions.isEmpty else { return HTML() }
        let classes = summary.classes.enumerated().sorted {
            ($1.element.support, $0.offset) < ($0.element.support, $1.offset)
        }
        let rows = classes.map { _, result -> HTML in
            """
            <tr><td class="text name">\(result.name)</td><td>\(Quantity.count(result.support))</td>\
            <td>\(Self.score(result.precision))</td><td>\(Self.score(result.recall))</td>\
            <td class="bar"><i><b style="width:\(coordinate: min(max(result.f1, 0), 1) * 100)%"></b></i>\
            \(Self.score(result.f1))</td></tr>

            """
        }
        let head: HTML = """
            <th class="text">class</th><th>support</th><th>precision</th><th>recall</th><th>F1</th>
            """
        let table: HTML =
            rows.isEmpty ? HTML() : "<div>\(Self.table(head: head, rows: rows, noun: "classes"))</div>"
        return .section("Classes", "<div class=\"columns\">\(table)\(confusionTable(summary.confusions))</div>")
    }

    private func confusionTable(_ confusions: [ConfusedPair]) -> HTML {
        guard !confusions.isEmpty else { return HTML() }
        let rows = confusions.map { pair -> HTML in
            """
            <tr><td class="text name">\(pair.label)</td><td class="text name">\(pair.prediction)</td>\
            <td>\(Quantity.count(pair.count))</td><td>\(Quantity.percent(pair.share))</td></tr>

            """
        }
        let head: HTML = """
            <th class="text">most confused</th><th class="text">taken for</th><th>times</th><th>of class</th>
            """
        return "<div>\(Self.table(head: head, rows: rows, noun: "pairs"))</div>"
    }

    /// A table whose rows beyond the first screenfuls are folded away.
    private static func table(head: HTML, rows: [HTML], noun: String) -> HTML {
        let shown = rows.prefix(shownRows)
        let rest = rows.dropFirst(shownRows)
        let table: HTML = """
            <div class="scroll"><table><thead><tr>\(head)</tr></thead>
            <tbody>
            \(Array(shown))</tbody></table></div>
            """
        guard !rest.isEmpty else { return table }
        return """
            \(table)
            <details><summary>\(Quantity.count(rest.count)) more \(noun)</summary>
            <div class="scroll"><table><thead><tr>\(head)</tr></thead><tbody>
            \(Array(rest))</tbody></table></div></details>
            """
    }

    /// A number with as many decimals as its neighbours above and below.
    private static func cell(_ value: Double) -> String {
        (0.001..<1000).contains(abs(value)) ? Quantity.fixed(value, decimals: 4) : Quantity.number(value)
    }

    private static func score(_ value: Double) -> String {
        value.isFinite ? Quantity.fixed(value, decimals: 3) : Quantity.number(value)
    }
}
