import ArgumentParser
import Foundation

/// `graft doctor`: what this installation and this machine can do.
struct DoctorCommand: GraftCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Show the engine, the machine and what graft knows, and try a computation.",
        discussion: "The exit status is 0 only if the engine works.")

    @Flag(help: "Also measure how fast this machine multiplies large matrices in fp32, which takes some seconds.")
    var ceiling = false

    @OptionGroup var common: CommonOptions

    func run() async throws {
        let examination = Examination(isVerbose: common.verbose, measuresCeiling: ceiling)
        try Section.print(examination.sections)
        if let problem = examination.problem {
            Console.complain("error: \(Failure.sentence(problem))")
            throw ExitCode.failure
        }
    }
}
