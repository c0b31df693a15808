import ArgumentParser
import Foundation
import Reporting
import Training

/// `graft compare`: trains by several configurations under one budget and sets the results side by side.
struct CompareCommand: GraftCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare", abstract: "Train by several configurations and compare what comes of them.",
        discussion: """
            Each configuration is one run in a process of its own, one after another. The output folder gets \
            comparison.html, comparison.md and comparison.json, written anew after every run, and each run's files in \
            runs/<name of the configuration>; output_dir of the configurations does not count. Runs are compared where \
            task, checkpoint and training rows are the same.

            With --max-steps or --max-seconds all runs get the same; with --max-memory and --max-trainable those whose \
            forecast is above are not started. A run that fails stands in the table with its error and the others go on; \
            the status is then 1. Ctrl-C ends the run in progress and writes what there is.
            """)

    @Argument(help: "Configurations in YAML or JSON.", completion: .file(extensions: ["yaml", "yml", "json"]))
    var configs: [String]

    @Option(help: "Folder for the comparison and its runs.", completion: .directory)
    var outputDir = "runs/compare"

    @Option(help: ArgumentHelp("Optimizer steps of every run.", valueName: "count"))
    var maxSteps: Int?
    @Option(
        help: ArgumentHelp("Seconds of training of every run, by a short trial of its steps.", valueName: "seconds"))
    var maxSeconds: Double?
    @Option(help: ArgumentHelp("The most memory of a run, as 900MiB or 2GiB.", valueName: "bytes"))
    var maxMemory: BytesArgument?
    @Option(help: ArgumentHelp("The most trainable parameters of a run, as 500k or 1.5M.", valueName: "count"))
    var maxTrainable: CountArgument?

    @Option(name: .customLong("set"), help: ArgumentHelp("Set any key of every configuration.", valueName: "key=value"))
    var assignments: [String] = []

    @Flag(help: "Keep runs that are complete with the same settings; run the others.")
    var resume = false

    @Flag(help: "Replace the comparison in the output folder.")
    var overwrite = false

    @OptionGroup var common: CommonOptions

    func validate() throws {
        if resume, overwrite { throw ValidationError("--resume and --overwrite exclude each other.") }
        if maxSteps != nil, maxSeconds != nil {
            throw ValidationError("--max-steps and --max-seconds exclude each other.")
        }
        if let maxSteps, maxSteps < 1 { throw ValidationError("--max-steps must be at least 1.") }
        if let maxSeconds, !(maxSeconds > 0) { throw ValidationError("--max-seconds must be more than 0.") }
    }

    func run() async throws {
        // A reader of the output that goes away is no reason to lose a comparison.
        signal(SIGPIPE, SIG_IGN)
        guard let program = Bundle.main.executableURL else {
            throw ValidationError("the program cannot find its own file, which the runs need")
        }
        let interruption = Interruption()
        let comparison = try MethodComparison(
            configs.map(recipe), budget: budget, output: outputDir, program: program,
            start: overwrite ? .overwrite : resume ? .resume : .new)
        interruption.onFirst {
            Console.complain("\nending the run in progress; Ctrl-C again ends at once")
            comparison.stop()
        }
        let display = ComparisonDisplay()
        let report = try await comparison.run { display.show($0) }
        try Section.print(ComparisonOutput.sections(report, folder: outputDir))
        if report.isUnfinished { throw ExitCode(Failure.interrupted) }
        if report.hasFailures { throw ExitCode(1) }
    }

    private var budget: ComparisonBudget {
        var budget = ComparisonBudget()
        (budget.steps, budget.seconds) = (maxSteps, maxSeconds)
        (budget.memoryBytes, budget.trainableParameters) = (maxMemory?.value, maxTrainable?.value)
        return budget
    }

    /// A recipe has the name of its file. What is wrong with it stands in its row.
    private func recipe(_ path: String) -> MethodComparison.Recipe {
        let file = URL(fileURLWithPath: path)
        let configuration = Result {
            var sources = ConfigurationSources()
            try sources.add(file: file)
            for assignment in assignments { try sources.add(assignment: assignment) }
            // Each run has a folder of the comparison.
            try sources.set("output_dir", to: .string(outputDir))
            return try sources.configuration()
        }
        return MethodComparison.Recipe(
            name: file.deletingPathExtension().lastPathComponent, configuration: configuration)
    }
}
