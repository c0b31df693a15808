import Foundation

extension ComparisonReport {
    /// The comparison as one HTML document that needs nothing else; names of recipes lead to the runs' own reports.
    public func html() -> String {
        let body: HTML = """
            <body class="wide">
            <main>
            \(header)
            \(groups.map { section($0) })
            \(unreadableSection)
            \(originSection)
            </main>
            <footer>Written by graft \(graft)</footer>
            </body>
            """
        return HTML.page(sentence, body).text
    }

    private var header: HTML {
        let (status, mood): (String, HTML) =
            isUnfinished ? ("unfinished", "warning") : hasFailures ? ("with failures", "bad") : ("complete", "good")
        let context = budget.isEmpty ? "every recipe on its own course" : budget.joined(separator: " · ")
        return """
            <header>
            <p class="eyebrow"><span class="status \(mood)">\(status)</span> \(context)</p>
            <h1>\(sentence)</h1>
            </header>
            """
    }

    private func section(_ group: ComparisonGroup) -> HTML {
        let warnings: HTML =
            group.warnings.isEmpty
            ? HTML()
            : """
            <div class="warnings"><h2>Not quite the same conditions</h2>
            <ul>\(group.warnings.map { warning -> HTML in "<li>\(warning)</li>\n" })</ul></div>
            """
        return """
            <section>
            <h2>\(group.model.lastPathComponent), \(group.data.lastPathComponent)</h2>
            <p class="paths">\(group.task.inWords): \(group.model) on \(group.data)</p>
            \(warnings)
            \(charts(group))
            \(table(group))
            </section>
            """
    }

    private func charts(_ group: ComparisonGroup) -> HTML {
        let charts = ComparisonGroup.Cost.allCases.compactMap { group.chart($0)?.html }.filter { !$0.text.isEmpty }
        guard !charts.isEmpty else { return HTML() }
        return """
            <div class="charts pareto">\(charts)</div>
            <ul class="legend"><li><i class="part0"></i>no other run does better at no higher cost</li>\
            <li><i class="hollow"></i>the others; point at a dot for its figures</li></ul>
            """
    }

    private func table(_ group: ComparisonGroup) -> HTML {
        let table = ComparisonTable(group)
        let heads = table.columns.map { column -> HTML in
            column.isText ? "<th class=\"text\">\(column.title)</th>" : "<th>\(column.title)</th>"
        }
        let best = group.best?.name
        let rows = table.rows.map { row -> HTML in
            let cells = row.cells.enumerated().map { place, cell -> HTML in
                let content: HTML = place == 0 && row.run.result != nil ? link(row.run) : "\(cell.isEmpty ? "–" : cell)"
                return table.columns[place].isText ? "<td class=\"text\">\(content)</td>" : "<td>\(content)</td>"
            }
            let remarks: HTML =
                row.remarks.isEmpty
                ? HTML()
                : """
                <tr class="remarks\(row.run.result == nil ? " bad" : "")"><td colspan="\(table.columns.count)">\
                \(Self.joined(row.remarks))</td></tr>
                """
            return """
                <tr class="run\(row.run.name == best ? " own" : "")">\(cells)</tr>\(remarks)

                """
        }
        return """
            <div class="scroll"><table class="comparison"><thead><tr>\(heads)</tr></thead>
            <tbody>
            \(rows)</tbody></table></div>
            <p class="caption">\(ComparisonTable.legend.joined(separator: " "))</p>
            \(choices(group))
            """
    }

    /// Where a run loses must not be overlooked.
    private static func joined(_ remarks: [String]) -> HTML {
        let parts = remarks.map { remark -> HTML in
            remark.hasPrefix("loses") ? "<b>\(remark)</b>" : "\(remark)"
        }
        return HTML(parts.enumerated().map { $0.offset > 0 ? " · \($0.element)" : $0.element })
    }

    private func choices(_ group: ComparisonGroup) -> HTML {
        let facts = group.runs.map { (name: $0.name, value: $0.choices.joined(separator: ", ")) }
        let list = HTML.facts(facts)
        guard !list.text.isEmpty else { return HTML() }
        return "<details><summary>What the recipes choose</summary>\(list)</details>"
    }

    /// The run's own report, which stands in a folder beside this page.
    private func link(_ run: ComparedRun) -> HTML {
        let path = "\(run.folder)/report.html"
        let encoded = path.addingPercentEncoding(withAllowedCharacters: Self.pathCharacters) ?? ""
        return "<a href=\"\(encoded)\">\(run.name)</a>"
    }

    /// A colon could make a name read as a scheme.
    private static let pathCharacters = CharacterSet.urlPathAllowed.subtracting(CharacterSet(charactersIn: ":;"))

    private var unreadableSection: HTML {
        guard !unreadable.isEmpty else { return HTML() }
        return .section(
            "Recipes that could not be read", HTML.facts(unreadable.map { (name: $0.name, value: $0.reason) }))
    }

    private var originSection: HTML {
        guard let environment = runs.lazy.compactMap({ $0.result?.environment }).first else { return HTML() }
        let facts = [
            (name: "engine", value: environment.engine), (name: "processor", value: environment.cpu),
            (name: "threads", value: String(environment.threads)),
            (name: "memory", value: environment.memoryBytes > 0 ? Quantity.bytes(environment.memoryBytes) : ""),
            (name: "system", value: environment.system), (name: "began", value: environment.startedAt),
        ]
        return .section("Measured on", "<div class=\"columns\"><div>\(HTML.facts(facts))</div></div>")
    }
}

extension ComparisonGroup {
    /// The metric against a cost; nil without a metric.
    func chart(_ cost: Cost) -> ScatterChart? {
        guard let metric else { return nil }
        let front = Set(front(cost))
        let references = [Self.lora, Self.full].compactMap { reference($0)?.name }
        let points = runs.compactMap { run -> ScatterChart.Point? in
            guard let result = run.result, let value = value(run) else { return nil }
            return ScatterChart.Point(
                name: run.name, cost: cost.of(result) / cost.unit, value: value, isOnFront: front.contains(run.name),
                isReference: references.contains(run.name))
        }
        let isShare = RunReport.shares.contains(metric.name)
        return ScatterChart(
            title: "\(metric.name.inWords.capitalizedFirst) against \(cost.title)", points: points,
            bounds: isShare ? 0...1 : nil, formatTick: cost.formatTick,
            formatCost: cost.format)
    }
}

extension ComparisonGroup.Cost {
    fileprivate var title: String {
        switch self {
        case .parameters: "trainable parameters"
        case .time: "seconds of training"
        case .memory: "peak memory in MiB"
        }
    }

    /// What an axis counts in, so that its ticks are round.
    fileprivate var unit: Double { self == .memory ? 1_048_576 : 1 }

    fileprivate var formatTick: (@Sendable (Double) -> String)? {
        switch self {
        case .parameters: { Quantity.roundCount(Int(clamping: $0)) }
        case .time, .memory: nil
        }
    }

    fileprivate var format: @Sendable (Double) -> String {
        switch self {
        case .parameters: { "\(Quantity.count(Int(clamping: $0))) trainable parameters" }
        case .time: { "\(Quantity.duration($0)) of training" }
        case .memory: { Quantity.bytes(Int(clamping: $0 * 1_048_576)) }
        }
    }
}

extension Quantity {
    /// `100 k`, `1 M`: a short count of something round.
    static func roundCount(_ count: Int) -> String {
        let words = shortCount(count).split(separator: " ")
        return ([trimmed(String(words[0]))] + words.dropFirst().map(String.init)).joined(separator: " ")
    }
}

extension Int {
    /// The nearest integer; the largest or smallest there is where the number is beyond them.
    fileprivate init(clamping number: Double) {
        let rounded = number.rounded()
        self = Int(exactly: rounded) ?? (rounded > 0 ? .max : rounded < 0 ? .min : 0)
    }
}
