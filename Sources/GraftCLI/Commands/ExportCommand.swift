import Adapters
import ArgumentParser
import Backbones
import Files
import Foundation
import Methods
import Reporting
import Training

/// `graft export`: writes an adapter for other programs.
struct ExportCommand: GraftCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write an adapter in the form that another program reads.",
        discussion: """
            Forms: portable works on the untouched base (PiSSA and OLoRA become plain LoRA of twice the rank); raw keeps \
            the adapter as it was trained; uniform also gives all modules one rank and one scale. With --as-lora an \
            adapter of any method that merges becomes plain LoRA of the stated rank; what that loses is stated.
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

    @Flag(help: "Turn the adapter's change of each weight into plain LoRA.")
    var asLora = false

    @Option(help: "The rank of that, clipped to the smaller side of a weight.")
    var rank: Int?

    @Option(name: .customLong("task-id"), help: "The task to write, of an adapter that routes by it; with --as-lora.")
    var taskID: Int?

    @OptionGroup var common: CommonOptions

    func validate() throws {
        if taskID != nil, !asLora { throw ValidationError("--task-id needs --as-lora.") }
        if format != "peft" { throw ValidationError("--format must be peft.") }
        if AdapterForm(rawValue: form) == nil {
            throw ValidationError(
                "--form must be one of \(AdapterForm.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        if asLora != (rank != nil) { throw ValidationError("--as-lora and --rank need each other.") }
        if let rank, rank < 1 { throw ValidationError("--rank must be at least 1.") }
        if asLora, form != AdapterForm.portable.rawValue {
            throw ValidationError("--as-lora writes plain LoRA, which has no other --form.")
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
        if let rank {
            try EngineSettings.apply(threads: nil, device: .cpu)
            let report = try AsLoRA.write(
                base: URL(fileURLWithPath: base), adapter: source, rank: rank, to: target, baseModelPath: base,
                taskID: taskID)
            return try Section.print([section(report)])
        }
        let adapted = try AdaptedModel(folder: URL(fileURLWithPath: base), adapter: source)
        guard let loaded = adapted.adapter else { return }
        guard loaded.method is any WritesPeft else {
            throw AdapterError.unwritable(
                "peft has no form for the adapters of \(type(of: loaded.method).card.name): merge it into the model instead"
            )
        }
        try AtomicFolder.makeFolder(target.path)
        let lock = try FolderLock(target)
        defer { withExtendedLifetime(lock) {} }
        let notes = try AdapterFolder.export(
            loaded, of: adapted.loaded.model, to: target, form: AdapterForm(rawValue: form) ?? .portable,
            checkpoint: adapted.folder, taskType: config.taskType, baseModelPath: base)
        try Console.print("Written to \(output)")
        for note in notes { try Console.print("note: \(note)") }
    }

    private func section(_ report: AsLoRAReport) -> Section {
        func number(_ value: Double) -> String { Quantity.number(value, digits: 3) }
        var section = Section("Written as LoRA to \(output)")
        section.add("modules", Quantity.count(report.modules.count))
        section.add("left out, unchanged", report.unchanged.joined(separator: " "))
        section.add("kept whole", report.whole.joined(separator: " "))
        section.add("lost of the change", "\(number(report.relativeError)) of its Frobenius norm")
        section.add(
            "largest deviation",
            "\(number(report.absoluteDeviation)) of outputs up to \(number(report.outputScale)): "
                + "\(number(report.relativeDeviation)), on \(report.probes) batches")
        section.table = Table(
            head: ["module", "rank", "change", "lost"],
            rows: report.modules.map { [$0.path, "\($0.rank)", number($0.change), number($0.relativeError)] },
            rightAligned: [1, 2, 3])
        return section
    }
}
