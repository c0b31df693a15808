import Foundation

/// The built command, run as a user runs it.
struct Program {
    /// What a run left.
    struct Outcome {
        var status: Int32
        var output: String
        var errors: String

        /// Lines of the standard output.
        var lines: [String] { output.split(separator: "\n").map(String.init) }
    }

    /// What a test can do to a running program.
    final class Running {
        fileprivate let process = Process()
        fileprivate let files: URL

        fileprivate init(files: URL) {
            self.files = files
        }

        /// The text of the standard error so far.
        var errors: String { Running.text(files.appendingPathComponent("err")) }

        var identifier: Int32 { process.processIdentifier }

        func interrupt() {
            signal(SIGINT)
        }

        func signal(_ number: Int32) {
            kill(process.processIdentifier, number)
        }

        func wait() -> Outcome {
            process.waitUntilExit()
            defer { try? FileManager.default.removeItem(at: files) }
            return Outcome(
                status: process.terminationStatus, output: Running.text(files.appendingPathComponent("out")),
                errors: errors)
        }

        private static func text(_ url: URL) -> String {
            (try? Data(contentsOf: url)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        }
    }

    /// The folder of the program's build: the tests' bundle lies in it, too.
    private static var folder: URL? {
        let bundles = Bundle.allBundles.map(\.bundleURL).filter { $0.pathExtension == "xctest" }
        return (bundles.first ?? Bundle.main.executableURL)?.deletingLastPathComponent()
    }

    /// The program itself.
    static var executable: URL? { folder?.appendingPathComponent("graft") }

    /// Runs `graft` to its end.
    static func run(
        _ arguments: [String], input: String = "", environment: [String: String] = [:], in folder: URL? = nil
    ) throws -> Outcome {
        try start(arguments, input: input, environment: environment, in: folder).wait()
    }

    /// Starts `graft`. Outputs go to files, which never fill up as pipes do.
    static func start(
        _ arguments: [String], input: String = "", environment: [String: String] = [:], in folder: URL? = nil
    ) throws -> Running {
        let files = try TemporaryFolder.make()
        let running = Running(files: files)
        let process = running.process
        process.executableURL = executable
        process.arguments = arguments
        var variables = ProcessInfo.processInfo.environment
        // Help is as wide as the terminal; several tests run at a time on few cores.
        variables.merge(["COLUMNS": "80", "OMP_NUM_THREADS": "1"]) { $1 }
        variables.merge(environment) { $1 }
        process.environment = variables
        process.currentDirectoryURL = folder
        try Data(input.utf8).write(to: files.appendingPathComponent("in"))
        process.standardInput = try FileHandle(forReadingFrom: files.appendingPathComponent("in"))
        process.standardOutput = try emptyFile(files.appendingPathComponent("out"))
        process.standardError = try emptyFile(files.appendingPathComponent("err"))
        try process.run()
        return running
    }

    private static func emptyFile(_ url: URL) throws -> FileHandle {
        try Data().write(to: url)
        return try FileHandle(forWritingTo: url)
    }
}

/// Folders that tests write to.
enum TemporaryFolder {
    static func make() throws -> URL {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("graft-cli-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        return url
    }

    /// Hands a new folder to `body` and removes it.
    static func with<Result>(_ body: (URL) throws -> Result) throws -> Result {
        let url = try make()
        defer { try? FileManager.default.removeItem(at: url) }
        return try body(url)
    }
}
