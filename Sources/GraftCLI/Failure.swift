import ArgumentParser
import Foundation

/// How a command ends when something was thrown: one sentence on the standard error, and a status.
struct Failure {
    /// The status of a program that was interrupted by SIGINT.
    static let interrupted: Int32 = 130

    private let error: any Error
    private let isVerbose: Bool

    init(_ error: any Error, isVerbose: Bool) {
        self.error = error
        self.isVerbose = isVerbose
    }

    /// Reports the error and ends the process.
    func exit() -> Never {
        switch error {
        case is ExitCode: GraftProgram.exit(withError: error)
        // ArgumentParser's own ways to end: a text that was asked for, a refused combination of arguments.
        case _ where GraftProgram.exitCode(for: error) != .failure: GraftProgram.exit(withError: error)
        case ConsoleError.closed: Foundation.exit(1)
        default:
            Console.complain("error: \(Failure.sentence(error))")
            if isVerbose { Console.complain(String(reflecting: error)) }
            Foundation.exit(1)
        }
    }

    /// The error as one line.
    static func sentence(_ error: any Error) -> String {
        let text: String
        // Foundation's errors describe themselves for programmers; their localised text is for people.
        if type(of: error) is NSError.Type || error is CocoaError || error is POSIXError || error is URLError {
            text = error.localizedDescription
        } else {
            text = "\(error)"
        }
        return text.split(whereSeparator: \.isNewline).joined(separator: " ").oneLine
    }
}
