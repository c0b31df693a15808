/// Draws a run's progress as one line: a pure function of what is known and of what the terminal can show.
struct ProgressLine {
    /// A piece of the line; the label is drawn fainter than the value.
    private struct Field {
        var label: String
        var value: String
        var suffix = ""
        var width: Int { label.count + value.count + suffix.count }
    }

    private static let gap = 2
    private static let bar = 12...40

    /// The line for a terminal of `columns` columns, which it does not exceed. What matters least is left out first:
    /// memory, learning rate, epoch, rate, bar, remaining time, loss.
    static func interactive(_ state: ProgressState, columns: Int, color: Bool, unicode: Bool) -> String {
        let style = Style(color: color, unicode: unicode)
        let position = "\(padded(state.step, like: state.totalSteps))/\(state.totalSteps)"
        guard position.count <= columns else { return String(position.prefix(max(columns, 0))) }
        var fields = Self.fields(state)
        let droppingOrder = ["mem", "lr", "epoch", "rate"]
        func width(_ fields: [(name: String, field: Field)]) -> Int {
            fields.reduce(position.count) { $0 + gap + $1.field.width }
        }
        var dropped = droppingOrder[...]
        while width(fields) + gap + bar.lowerBound > columns, let name = dropped.popFirst() {
            fields.removeAll { $0.name == name }
        }
        let barWidth = min(columns - width(fields) - gap, bar.upperBound)
        for name in ["eta", "loss"] where width(fields) > columns { fields.removeAll { $0.name == name } }
        var pieces = barWidth >= bar.lowerBound ? [style.bar(state.share, width: barWidth)] : []
        pieces.append(position)
        pieces += fields.map { style.faint($0.field.label) + $0.field.value + style.faint($0.field.suffix) }
        return pieces.joined(separator: String(repeating: " ", count: gap))
    }

    /// The line for a log: no control characters, no alignment, everything that is known.
    static func plain(_ state: ProgressState) -> String {
        let percent = "\(Int((state.share * 100).rounded(.down))) %"
        let fields = Self.fields(state).map { $0.field.label + $0.field.value + $0.field.suffix }
        return (["step \(state.step)/\(state.totalSteps)", percent] + fields).joined(separator: "  ")
    }

    private static func fields(_ state: ProgressState) -> [(name: String, field: Field)] {
        var fields: [(name: String, field: Field)] = []
        if state.epochs > 0, state.epochs.isFinite, state.epoch.isFinite {
            let total = Quantity.trimmed(Quantity.fixed(state.epochs, decimals: 2))
            let epoch = Quantity.fixed(state.epoch, decimals: 2)
            fields.append(("epoch", Field(label: "epoch ", value: epoch, suffix: "/\(total)")))
        }
        if let loss = state.loss { fields.append(("loss", Field(label: "loss ", value: Quantity.number(loss)))) }
        if let rate = state.learningRate {
            fields.append(("lr", Field(label: "lr ", value: Quantity.learningRate(rate))))
        }
        if let rate = state.rate {
            let unit = state.rateUnit == .tokens ? " tok/s" : " ex/s"
            fields.append(("rate", Field(label: "", value: Quantity.rate(rate), suffix: unit)))
        }
        if let seconds = state.secondsRemaining {
            fields.append(("eta", Field(label: "eta ", value: Quantity.clock(seconds))))
        }
        if state.memoryBytes > 0 {
            fields.append(("mem", Field(label: "mem ", value: Quantity.bytes(state.memoryBytes))))
        }
        return fields
    }

    /// The number as wide as the one that it grows towards, so that what follows stays in place.
    private static func padded(_ number: Int, like total: Int) -> String {
        let text = String(number)
        return String(repeating: " ", count: max(String(total).count - text.count, 0)) + text
    }
}

/// How pieces of text look in a terminal.
struct Style {
    var color: Bool
    var unicode: Bool

    /// Text that should recede.
    func faint(_ text: String) -> String { wrap(text, "2") }
    /// Text that should be noticed.
    func warning(_ text: String) -> String { wrap(text, "33") }
    /// Text that should please.
    func good(_ text: String) -> String { wrap(text, "32") }

    /// A bar of which a part is full; exactly `width` columns wide.
    func bar(_ share: Double, width: Int) -> String {
        let halves = min(max(Int((share * Double(2 * width)).rounded(.down)), 0), 2 * width)
        guard unicode else {
            let full = String(repeating: "#", count: halves / 2)
            return full + String(repeating: "-", count: width - halves / 2)
        }
        let full = String(repeating: "━", count: halves / 2) + (halves.isMultiple(of: 2) ? "" : "╸")
        let empty = String(repeating: "─", count: width - (halves + 1) / 2)
        return good(full) + faint(empty)
    }

    private func wrap(_ text: String, _ code: String) -> String {
        color && !text.isEmpty ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
}
