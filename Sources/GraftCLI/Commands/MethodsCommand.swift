import ArgumentParser
import Backbones
import Foundation
import JSON
import Methods
import Reporting
import Torch
import Training

/// `graft methods`: the fine-tuning methods and their options.
struct MethodsCommand: GraftCommand {
    static let configuration = CommandConfiguration(
        commandName: "methods", abstract: "List the fine-tuning methods, or the options of one.")

    @Option(help: "A checkpoint folder: also shows what each method would train of it, with its default options.")
    var model: String?

    @Flag(help: "Print a JSON Schema of training configurations, for editors; with a name, of that method's options.")
    var schema = false

    @Flag(help: ArgumentHelp("Print docs/methods.md.", visibility: .private))
    var markdown = false

    @Argument(help: "A method, to see its options.")
    var name: String?

    @OptionGroup var common: CommonOptions

    func run() async throws {
        if markdown {
            try Console.write(try MethodTable.markdown())
        } else if schema {
            let schema = try name.map { try MethodConfiguration.schema(of: MethodRegistry.method(named: $0)) }
            try Console.print(try (schema ?? TrainingConfiguration.schema).serialized(.pretty))
        } else if let name {
            try Section.print([try description(of: MethodRegistry.method(named: name))])
        } else {
            try Console.print(try overview().lines.joined(separator: "\n"))
        }
    }

    private func overview() throws -> Table {
        var table = Table(head: ["NAME", "FAMILY", "SITES", "MERGE", "FRESH ADAPTER", "PAPER"])
        if model != nil { table.head.insert("TRAINABLE", at: 1) }
        let checkpoint = try model.map { try UnreadModel(folder: URL(fileURLWithPath: $0)) }
        for type in MethodRegistry.all {
            let card = type.card
            var row = [card.name, card.family, card.sites, card.merge, card.start, card.paper]
            if let checkpoint { row.insert(try checkpoint.trainable(type.init()), at: 1) }
            table.rows.append(row)
        }
        return table
    }

    private func description(of type: any Methods.Method.Type) throws -> Section {
        let card = type.card
        var section = Section("\(card.name): \(card.summary)")
        section.add("family", card.family)
        section.add("sites", card.sites)
        section.add("fresh adapter", card.start)
        section.add("merge", card.merge)
        section.add("adapter file", MethodTable.format(of: type))
        section.add("paper", card.paper)
        if let model {
            section.add("trainable", try UnreadModel(folder: URL(fileURLWithPath: model)).trainable(type.init()))
        }
        var table = Table(head: ["OPTION", "TYPE", "DEFAULT"])
        let options = try JSON.Node(MethodConfiguration(type.init()).json).object().filter { $0.key != "name" }
        table.rows = options.map { [$0.key, $0.value.typeName, $0.value.serialized(.init(spacesSeparators: true))] }
        table.rows += type.optionalOptions.map { [$0, "", "none"] }
        section.table = table
        return section
    }
}

extension JSON {
    /// The kind of value, as a word for a column.
    fileprivate var typeName: String {
        switch self {
        case .null: ""
        case .bool: "boolean"
        case .int: "integer"
        case .double: "number"
        case .string: "text"
        case .array: "list"
        case .object: "table"
        }
    }
}
