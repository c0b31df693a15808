import JSON
import Methods

/// The methods as tables: on the terminal and in `docs/methods.md`, from the same declarations.
enum MethodTable {
    /// What `docs/methods.md` holds.
    static func markdown() throws -> String {
        var text = """
            # Methods

            Made by `graft methods --markdown` from what the methods declare; a test holds this file against them.
            `graft methods NAME` shows one of them, `graft methods --model DIR` what each trains of a checkpoint, `graft
            methods --schema` the JSON Schema of a configuration. Paper and meaning of the options: the method's file below
            `Sources/Methods`.

            | Name | Family | What it does | Sites | Fresh adapter | Merge | Adapter file | Paper |
            |---|---|---|---|---|---|---|---|

            """
        for type in MethodRegistry.all {
            let card = type.card
            let cells = [
                "`\(card.name)`", card.family, card.summary, card.sites, card.start, card.merge, format(of: type),
                card.paper,
            ]
            text += row(cells)
        }
        for type in MethodRegistry.all { text += try options(of: type) }
        return text
    }

    private static func options(of type: any Methods.Method.Type) throws -> String {
        var text = """

            ## `\(type.card.name)`

            | Option | Value | Default |
            |---|---|---|

            """
        for (key, schema) in try MethodConfiguration.optionSchemas(of: type) {
            let schema = JSON.Node(schema)
            let kinds = try schema.optional("type").map { try (try? $0.strings()) ?? [$0.string()] } ?? []
            let value = try schema.object()["default"]?.serialized(.init(spacesSeparators: true))
            text += row([
                "`\(key)`", kinds.filter { $0 != "null" }.joined(separator: " or "), value.map { "`\($0)`" } ?? "none",
            ])
        }
        return text
    }

    private static func row(_ cells: [String]) -> String {
        "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |\n"
    }

    /// Whose form the adapter's files have.
    static func format(of type: any Methods.Method.Type) -> String {
        if let peft = type as? any PeftMethod.Type { return "peft \(peft.peft.types.joined(separator: ", "))" }
        if type is any WritesPeft.Type { return "peft, written only" }
        return type is any ExportsPeft.Type ? "graft, exported to peft" : "graft"
    }
}

extension MethodCard {
    /// How it merges, in a word.
    var merge: String {
        switch mergeContract {
        case .exact: "exact"
        case .approximate: "approximate"
        case .never: "never"
        }
    }

    /// What a fresh adapter computes, in words.
    var start: String {
        switch initContract {
        case .equalsBase: "equals the base"
        case .differs: "differs from the base"
        }
    }
}
