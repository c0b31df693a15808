import ArgumentParser
import Files
import Foundation
import Support

/// The command `graft`.
@main
struct GraftProgram: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "graft", abstract: "Parameter-efficient fine-tuning of Hugging Face checkpoints.",
        version: GraftVersion.current,
        // For the project's own checks; not shown.
        subcommands: [ForwardCommand.self],
        groupedSubcommands: [
            CommandGroup(
                name: "Train and use",
                subcommands: [
                    TrainCommand.self, CompareCommand.self, EvalCommand.self, PredictCommand.self,
                    GenerateCommand.self,
                ]),
            CommandGroup(
                name: "Hand on",
                subcommands: [
                    MergeCommand.self, ExportCommand.self, CompressCommand.self, DecompressCommand.self,
                    LocalizeCommand.self, PatchCommand.self,
                ]),
            CommandGroup(
                name: "Explain and check",
                subcommands: [InspectCommand.self, MethodsCommand.self, DoctorCommand.self, VerifyCommand.self]),
        ])

    /// Parses the arguments and runs what they ask for. Faults of the arguments are ArgumentParser's to report; all
    /// others end in one sentence and the status of their kind.
    static func main() async {
        // A file that may not grow any further is an error to report, not the end of the process.
        signal(SIGXFSZ, SIG_IGN)
        MappedFileGuard.install()
        do {
            var command = try parseAsRoot()
            do {
                if var command = command as? any AsyncParsableCommand {
                    try await command.run()
                } else {
                    try command.run()
                }
            } catch {
                Failure(error, isVerbose: (command as? any GraftCommand)?.common.verbose ?? false).exit()
            }
        } catch {
            exit(withError: error)
        }
    }
}

/// A subcommand with the options that all of them have.
protocol GraftCommand: AsyncParsableCommand {
    var common: CommonOptions { get }
}

/// Options of every subcommand.
struct CommonOptions: ParsableArguments {
    @Flag(name: .long, help: "Show details of errors.")
    var verbose = false
}
