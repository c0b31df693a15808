/// The top of the page: the outcome, the key figures, the warnings.
extension RunReport {
    var header: HTML {
        let context = [description.task.inWords, description.device, "seed \(description.seed)"]
            .filter { !$0.isEmpty }.joined(separator: " · ")
        return """
            <header>
            <p class="eyebrow"><span class="status \(mood.rawValue)">\(status)</span> \(context)</p>
            <h1>\(sentence)</h1>
            <p class="paths"><span>\(description.model)</span> → <span>\(description.outputFolder)</span></p>
            </header>
            """
    }

    var tiles: HTML {
        let tiles = [metricTile, parameterTile, timeTile, memoryTile, adapterTile].compactMap { $0 }
        return "<div class=\"tiles\">\n\(tiles)</div>"
    }

    private static func tile(_ name: String, _ value: String, _ detail: HTML, isMain: Bool = false) -> HTML {
        """
        <div class="tile\(isMain ? " headline" : "")"><p class="name">\(name)</p>\
        <p class="value">\(smallUnits(value))</p><div class="detail">\(detail)</div></div>

        """
    }

    /// Units are set smaller than their numbers.
    private static func smallUnits(_ text: String) -> HTML {
        let words = text.split(separator: " ").map { word -> HTML in
            word.first?.isNumber == true ? "\(String(word))" : "<small>\(String(word))</small>"
        }
        return HTML(words.enumerated().map { $0.offset > 0 ? " \($0.element)" : $0.element })
    }

    private var metricTile: HTML? {
        guard let metric = headlineMetric, let value = outcomeValue(of: metric) else { return nil }
        let comparisons = comparisons(by: metric)
        let best = (summary?.bestStep).map { "best at step \(Quantity.count($0))" } ?? ""
        guard !comparisons.isEmpty, value.isFinite else {
            return Self.tile(metric.name.inWords, Quantity.number(value, digits: 3), "\(best)", isMain: true)
        }
        let rows = [(name: "this run", value: value)] + comparisons
        // Bars need a common zero and one sign.
        let most = rows.map(\.value).max() ?? 0
        let hasBars = most > 0 && rows.allSatisfy { $0.value >= 0 }
        let lines = rows.enumerated().map { place, row -> HTML in
            let width = hasBars ? row.value / most * 100 : 0
            return """
                <div class="compare\(place == 0 ? " own" : "")"><span>\(row.name)</span>\
                <i><b style="width:\(coordinate: width)%"></b></i>\
                <span class="number">\(Quantity.number(row.value, digits: 3))</span></div>
                """
        }
        return Self.tile(metric.name.inWords, Quantity.number(value, digits: 3), "\(lines)", isMain: true)
    }

    private var parameterTile: HTML? {
        guard description.totalParameters > 0 else { return nil }
        let trained = Quantity.shortCount(description.trainableParameters)
        let all = Quantity.shortCount(description.totalParameters)
        return Self.tile("trained", Quantity.percent(description.trainableShare), "\(trained) of \(all) parameters")
    }

    private var timeTile: HTML? {
        let measured = measured
        guard let seconds = summary?.seconds ?? (measured.seconds > 0 ? measured.seconds : nil) else { return nil }
        var detail = "\(Quantity.count(stepsTaken)) steps"
        if measured.seconds > 0, measured.examples > 0 {
            detail += ", \(Quantity.rate(measured.examples / measured.seconds)) examples/s"
        }
        return Self.tile("time", Quantity.duration(seconds), "\(detail)")
    }

    private var memoryTile: HTML? {
        let peak = measured.peakMemoryBytes
        guard peak > 0 else { return nil }
        let detail = description.forecast.map { "forecast \(Quantity.bytes($0.memoryBytes))" } ?? ""
        return Self.tile("peak memory", Quantity.bytes(peak), "\(detail)")
    }

    private var adapterTile: HTML? {
        guard let bytes = summary?.adapterBytes else { return nil }
        return Self.tile("adapter", Quantity.bytes(bytes), "on disk")
    }

    var warningList: HTML {
        guard !warnings.isEmpty else { return HTML() }
        let items = warnings.prefix(Self.shownWarnings).map { warning -> HTML in
            let moment = warning.step > 0 ? ", step \(Quantity.count(warning.step))" : ""
            return "<li>\(warning.message) <code>\(warning.code)\(moment)</code></li>\n"
        }
        let more = warnings.count - items.count
        let rest: HTML = more > 0 ? "<li>and \(Quantity.count(more)) more in metrics.jsonl</li>" : ""
        return """
            <section class="warnings"><h2>\(warnings.count == 1 ? "One warning" : "\(warnings.count) warnings")</h2>
            <ul>\(items)\(rest)</ul></section>
            """
    }

    private static let shownWarnings = 50
}
