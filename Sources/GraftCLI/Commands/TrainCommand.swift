import ArgumentParser
import Foundation
import JSON
import Reporting
import Training

/// `graft train`: fine-tunes a model.
struct TrainCommand: GraftCommand {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Fine-tune a model by a configuration file, by options, or by both.",
        discussion: """
            A configuration is a YAML file whose keys have Hugging Face's names. Options below win over the file, and \
            --set wins over both: --set weight_decay=0.01 --set method.use_dora=true. Relative paths, those in the file \
            among them, start at the current folder. Ctrl-C ends the run after the step in progress, with a checkpoint; \
            a second Ctrl-C ends it at once. A list `adapters` in the file trains several adapters in one run.

            Keys: \(TrainingConfiguration.keys.joined(separator: ", ")). Options of a method (`graft methods lora` lists \
            them) stand below `method` or beside the other keys.
            """)

    @Argument(help: "The configuration, in YAML or JSON.", completion: .file(extensions: ["yaml", "yml", "json"]))
    var config: String?

    @OptionGroup(title: "Configuration") var options: TrainOptions

    @Option(name: .customLong("set"), help: ArgumentHelp("Set any key.", valueName: "key=value"))
    var assignments: [String] = []

    @Flag(help: "Continue the run in the output folder at its newest checkpoint.")
    var resume = false

    @Flag(help: "Replace the run in the output folder.")
    var overwrite = false

    @Flag(help: "Check everything and show what the training would take; train nothing, write nothing.")
    var dryRun = false

    @OptionGroup var common: CommonOptions

    func validate() throws {
        if resume, overwrite { throw ValidationError("--resume and --overwrite exclude each other.") }
    }

    func run() async throws {
        // A reader of the output that goes away is no reason to lose a training.
        signal(SIGPIPE, SIG_IGN)
        let interruption = Interruption()
        let sources = try sources()
        // A dry run looks at the folder no further than a resumed one does.
        let start: TrainingRun.Start = overwrite ? .overwrite : resume || dryRun ? .resume : .new
        if sources.areSeveral { return try await trainSideBySide(sources.sideBySide(), start, interruption) }
        let run = try await TrainingRun(sources.configuration(), start: start)
        if dryRun {
            try Section.print(RunPreview.sections(run))
            return
        }
        let summary = try await follow(run, interruption)
        guard let summary else { return }
        try Section.print(RunOutput.sections(summary))
        if summary.outcome == .interrupted { throw ExitCode(Failure.interrupted) }
    }

    private func sources() throws -> ConfigurationSources {
        var sources = ConfigurationSources()
        if let config { try sources.add(file: URL(fileURLWithPath: config)) }
        for (key, value) in options.settings { try sources.set(key, to: value) }
        for assignment in assignments { try sources.add(assignment: assignment) }
        return sources
    }

    /// Several adapters in one run.
    private func trainSideBySide(
        _ configuration: SideBySideConfiguration, _ start: TrainingRun.Start, _ interruption: Interruption
    ) async throws {
        let run = try await SideBySideRun(configuration, start: start)
        if dryRun {
            try Section.print(SideBySideOutput.preview(run.previews))
            return
        }
        interruption.onFirst {
            Console.complain("\nending after this step, with checkpoints; Ctrl-C again ends at once")
            run.stop()
        }
        var output = SideBySideOutput(run.previews.map(\.name))
        for try await event in run.events() { output.consume(event) }
        try Section.print(output.sections())
        if output.isInterrupted { throw ExitCode(Failure.interrupted) }
    }

    /// Shows the run as it goes on. The run itself keeps its files.
    private func follow(_ run: TrainingRun, _ interruption: Interruption) async throws -> RunSummary? {
        var display = ProgressDisplay()
        var summary: RunSummary?
        interruption.onFirst {
            Console.complain("\nending after this step, with a checkpoint; Ctrl-C again ends at once")
            run.stop()
        }
        do {
            for try await event in run.events() {
                display.consume(event)
                if case .finished(let end) = event { summary = end }
            }
        } catch {
            display.close()
            throw error
        }
        return summary
    }
}
