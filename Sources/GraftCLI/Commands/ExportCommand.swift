import Adapters
import ArgumentParser
import Backbones
import Foundation
import Methods
import Training

/// `graft export`: writes an adapter for other programs.
struct ExportCommand: GraftCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write an adapter in the form that another program reads.",
        discussion: """
            Forms: portable works on the untouched base (PiSSA and OLoRA become plain LoRA of twice the rank); raw keeps \
            the adapter as it was trained; uniform also gives all modules one rank and one scale.
            """)

    /// What can be wrong with an export.
    enum Failure: Error, Equatable, CustomStringConvertible {
        case noBase(adapter: String)
        case occupied(output: String)

        var description: String {
            switch self {
            case .noBase(let adapter):
                "\(adapter) does not name its base, or that is not there: name the checkpoint with --model"
            case .occupied(let output):
                "\(output) already holds an adapter: name another folder"
            }
        }
    }

    @Option(help: ArgumentHelp("The format.", valueName: "peft"))
    var format = "peft"

    @Option(help: "The adapter folder.", completion: .directory)
    var adapter: String

    @Option(help: "The folder to make.", completion: .directory)
    var output: String

    @Option(help: "The checkpoint folder; by default the base that the adapter names.", completion: .directory)
    var model: String?

    @Option(help: ArgumentHelp("The form.", valueName: "portable|raw|uniform"))
    var form = AdapterForm.portable.rawValue

    @OptionGroup var common: CommonOptions

    func validate() throws {
        if format != "peft" { throw ValidationError("--format must be peft.") }
        if AdapterForm(rawValue: form) == nil {
            throw ValidationError(
                "--form must be one of \(AdapterForm.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
    }

    func run() async throws {
        let (source, target) = (URL(fileURLWithPath: adapter), URL(fileURLWithPath: output))
        guard !FileManager.default.fileExists(atPath: target.appendingPathComponent("adapter_config.json").path) else {
            throw Failure.occupied(output: output)
        }
        let config = try AdapterConfig(folder: AdapterFolder.locate(source))
        guard let base = model ?? config.baseModel, model != nil || FileManager.default.fileExists(atPath: base) else {
            throw Failure.noBase(adapter: adapter)
        }
        let adapted = try AdaptedModel(folder: URL(fileURLWithPath: base), adapter: source)
        guard let loaded = adapted.adapter else { return }
        guard loaded.method is any WritesPeft else {
            throw AdapterError.unwritable(
                "peft has no form for the adapters of \(type(of: loaded.method).card.name): merge it into the model instead"
            )
        }
        let notes = try AdapterFolder.write(
            loaded.method, loaded.grafts, of: adapted.loaded.model, to: target,
            form: AdapterForm(rawValue: form) ?? .portable,
            provenance: loaded.provenance, checkpoint: adapted.folder, taskType: config.taskType, baseModelPath: base)
        try Console.print("Written to \(output)")
        for note in notes { try Console.print("note: \(note)") }
    }
}
