/// What was expected beside what came.
extension RunReport {
    var forecastSection: HTML {
        guard let forecast = description.forecast else { return HTML() }
        let rows = comparisonRows(forecast).map { row -> HTML in
            """
            <tr><th scope="row">\(row.name)</th><td>\(row.forecast)</td><td>\(row.measured)</td>\
            <td class="note">\(row.note)</td></tr>

            """
        }
        return .section(
            "Forecast and measurement",
            """
            <div class="scroll"><table class="forecast">
            <thead><tr><th></th><th>forecast</th><th>measured</th><th class="note"></th></tr></thead>
            <tbody>
            \(rows)</tbody></table></div>
            \(memoryBar(forecast))
            """)
    }

    private struct Row {
        var name: String
        var forecast: String
        var measured: String = "–"
        var note: String = ""
    }

    private func comparisonRows(_ forecast: Forecast) -> [Row] {
        let measured = measured
        func perEpoch(_ total: Double) -> Double? { measured.epochs.map { total / $0 } }
        let lengths = forecast.lengths
        var rows = [
            counts("optimizer steps", forecast.steps, Double(stepsTaken)),
            counts("examples per epoch", forecast.examples, perEpoch(measured.examples)),
            counts("tokens per epoch", forecast.tokens, perEpoch(measured.tokens)),
            shares("labelled tokens", forecast.labelledShare, measured.labelledTokens, of: measured.tokens),
            shares(
                "padding", forecast.paddingShare, measured.padding, of: measured.padding + measured.paddedTokens),
            Row(name: "truncated examples", forecast: Quantity.percent(forecast.truncatedShare)),
            Row(
                name: "example length", forecast: "\(Quantity.count(lengths.median)) tokens",
                note: "median; 95 % up to \(Quantity.count(lengths.p95)), "
                    + "from \(Quantity.count(lengths.minimum)) to \(Quantity.count(lengths.maximum))"),
            counts("trained parameters", forecast.trainableParameters, summary.map { Double($0.trainableParameters) }),
        ]
        var memory = Row(name: "peak memory", forecast: Quantity.bytes(forecast.memoryBytes))
        if measured.peakMemoryBytes > 0 {
            memory.measured = Quantity.bytes(measured.peakMemoryBytes)
            memory.note = Self.difference(Double(measured.peakMemoryBytes), from: Double(forecast.memoryBytes))
        }
        rows.append(memory)
        return rows
    }

    private func counts(_ name: String, _ forecast: Int, _ measured: Double?) -> Row {
        var row = Row(name: name, forecast: Quantity.count(forecast))
        if let measured, measured.isFinite, measured < 1e15 {
            row.measured = Quantity.count(Int(measured.rounded()))
            row.note = Self.difference(measured, from: Double(forecast))
        }
        return row
    }

    private func shares(_ name: String, _ forecast: Double, _ part: Double, of whole: Double) -> Row {
        var row = Row(name: name, forecast: Quantity.percent(forecast))
        if whole > 0 { row.measured = Quantity.percent(part / whole) }
        return row
    }

    /// A difference that deserves a word; below half a percent it does not.
    private static func difference(_ measured: Double, from forecast: Double) -> String {
        guard forecast > 0, measured.isFinite else { return "" }
        let share = measured / forecast - 1
        guard abs(share) >= 0.005 else { return "" }
        return "\(Quantity.percent(abs(share))) \(share > 0 ? "more" : "less")"
    }

    /// The parts of the estimated memory as one bar, with their names under it.
    private func memoryBar(_ forecast: Forecast) -> HTML {
        let total = Double(forecast.memoryBytes)
        let parts = forecast.memoryParts.filter { $0.bytes > 0 }
        guard total > 0, parts.count > 1 else { return HTML() }
        let pieces = parts.enumerated().map { place, part -> HTML in
            let width = Double(part.bytes) / total * 100
            return """
                <i class="part\(place % 6)" style="width:\(coordinate: width)%" \
                title="\(part.name): \(Quantity.bytes(part.bytes))"></i>
                """
        }
        let names = parts.enumerated().map { place, part -> HTML in
            "<li><i class=\"part\(place % 6)\"></i>\(part.name) <b>\(Quantity.bytes(part.bytes))</b></li>\n"
        }
        return """
            <p class="caption">Estimated memory by part</p>
            <div class="stack">\(pieces)</div>
            <ul class="legend">\(names)</ul>
            """
    }
}
