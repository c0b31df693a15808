/// What the run left, what to do next, and what it was made with.
extension RunReport {
    var outputSection: HTML {
        var parts: [HTML] = []
        if let files = summary?.files, !files.isEmpty {
            parts.append("<div><h3>Files</h3>\(HTML.facts(files.map { ($0.label, $0.path) }))</div>\n")
        }
        if let commands = summary?.nextCommands, !commands.isEmpty {
            let items = commands.map { command -> HTML in
                "<p class=\"caption\">\(command.purpose)</p><pre class=\"command\">\(command.command)</pre>\n"
            }
            parts.append("<div><h3>Next</h3>\(items)</div>\n")
        }
        return parts.isEmpty ? HTML() : .section("Files and next steps", "<div class=\"columns\">\(parts)</div>")
    }

    var configurationSection: HTML {
        let configuration: HTML =
            configuration.isEmpty
            ? HTML() : "<div><h3>Configuration</h3><pre>\(configuration.droppingFinalNewlines)</pre></div>"
        return .section(
            "Made with",
            "<div class=\"columns\">\(configuration)<div><h3>Environment</h3>\(HTML.facts(origin))</div></div>")
    }

    private var origin: [(name: String, value: String)] {
        var facts = [
            (name: "model", value: description.model), (name: "method", value: description.method),
            (name: "task", value: description.task), (name: "device", value: description.device),
            (name: "threads", value: String(description.threads)), (name: "seed", value: String(description.seed)),
        ]
        if description.resumedFromStep > 0 {
            facts.append((name: "resumed after", value: "step \(Quantity.count(description.resumedFromStep))"))
        }
        guard let environment else { return facts }
        return facts + [
            (name: "engine", value: environment.engine), (name: "graft", value: environment.graft),
            (name: "processor", value: environment.cpu),
            (name: "memory", value: environment.memoryBytes > 0 ? Quantity.bytes(environment.memoryBytes) : ""),
            (name: "system", value: environment.system), (name: "began", value: environment.startedAt),
        ]
    }
}

extension String {
    fileprivate var droppingFinalNewlines: String {
        var text = self[...]
        while text.last?.isNewline == true { text.removeLast() }
        return String(text)
    }
}
