import Foundation

/// Runs workers, sees how they end, and goes on behind what ended one.
struct Supervisor {
    /// What one reader's run came to.
    struct Outcome {
        var executions = 0
        var accepted = 0
        var refused = 0
        var growth = 0
        var seconds = 0.0
        var corpus = (cases: 0, bytes: 0)
        var findings: [Finding] = []
    }

    /// An input that a reader did not survive, or that it should have refused.
    struct Finding {
        var execution: Int
        var problem: String
    }

    let corpus: URL
    let seed: UInt64
    let limits: FuzzLimits
    /// More findings of one reader end its run.
    let mostFindings: Int
    /// Where the inputs of findings go.
    let findingsFolder: URL

    /// Runs a reader's executions.
    func run(_ reader: any FuzzReader.Type, executions: Int) throws -> Outcome {
        let workspace = try Self.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: workspace) }
        let record = try SharedRecord(workspace.appendingPathComponent("record"))
        let cases = try FuzzCase.corpus(in: corpus.appendingPathComponent(reader.name))
        let started = Date()
        var outcome = Outcome()
        outcome.corpus = (cases.count, cases.reduce(0) { $0 + $1.byteCount })
        var next = 0
        while next < executions, outcome.findings.count < mostFindings {
            record[.execution] = next
            guard let problem = try runWorker(reader, next, executions, workspace, record) else {
                next = executions
                break
            }
            let finding = Finding(execution: record[.execution], problem: problem)
            outcome.findings.append(finding)
            try keep(finding, of: reader, cases)
            next = finding.execution + 1
        }
        outcome.executions = next
        (outcome.accepted, outcome.refused) = (record[.accepted], record[.refused])
        (outcome.growth, outcome.seconds) = (record[.growth], Date().timeIntervalSince(started))
        return outcome
    }

    /// - Returns: what ended the worker, or nil where it did all it was asked.
    private func runWorker(
        _ reader: any FuzzReader.Type, _ start: Int, _ end: Int, _ workspace: URL, _ record: SharedRecord
    ) throws -> String? {
        let errors = workspace.appendingPathComponent("errors")
        try Data().write(to: errors)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        let program = Bundle.main.executablePath ?? CommandLine.arguments[0]
        // The bound on addresses turns an endless allocation into a crash before it takes the machine; macOS has none.
        process.arguments = [
            "-c", "ulimit -c 0; ulimit -v 16777216 2>/dev/null; exec \"$0\" \"$@\"", program, "--worker",
            workspace.path,
            "--reader", reader.name, "--seed", "\(seed)", "--from", "\(start)", "--executions", "\(end)",
            "--corpus", corpus.path, "--seconds", "\(limits.seconds)", "--memory", "\(limits.memory >> 20)",
        ]
        var variables = ProcessInfo.processInfo.environment
        // Readers are few and small; threads of libtorch would only wait. A crash needs no printed stack.
        variables.merge(["OMP_NUM_THREADS": "1", "SWIFT_BACKTRACE": "enable=no"]) { $1 }
        process.environment = variables
        process.standardError = try FileHandle(forWritingTo: errors)
        try process.run()
        let isSilent = wait(for: process, record)
        if isSilent { return "it stood still for \(Int(limits.silence)) seconds" }
        if process.terminationReason == .exit, process.terminationStatus == 0 { return nil }
        let text = String(decoding: (try? Data(contentsOf: errors)) ?? Data(), as: UTF8.self)
        let last = text.split(separator: "\n").suffix(3).joined(separator: " ").prefix(400)
        if process.terminationReason == .exit, process.terminationStatus == Worker.foundStatus { return String(last) }
        guard process.terminationReason == .uncaughtSignal else {
            throw FuzzFault("the worker of \(reader.name) ended with status \(process.terminationStatus): \(last)")
        }
        return process.terminationStatus == SIGPROF
            ? "it took more than \(limits.seconds) seconds of the processor"
            : "it crashed with signal \(process.terminationStatus): \(last)"
    }

    /// Waits for the end; ends a process that shows no sign of life.
    ///
    /// - Returns: whether it had to.
    private func wait(for process: Process, _ record: SharedRecord) -> Bool {
        var (seen, since) = (record[.execution], Date())
        while process.isRunning {
            usleep(20_000)
            if record[.execution] != seen { (seen, since) = (record[.execution], Date()) }
            guard Date().timeIntervalSince(since) > limits.silence else { continue }
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
            return true
        }
        process.waitUntilExit()
        return false
    }

    /// Writes the input of a finding where it can be looked at and become a test.
    private func keep(_ finding: Finding, of reader: any FuzzReader.Type, _ cases: [FuzzCase]) throws {
        let mutator = reader.mutator(cases, seed: seed)
        let folder = findingsFolder.appendingPathComponent("\(reader.name)-\(seed)-\(finding.execution)")
        try? FileManager.default.removeItem(at: folder)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try mutator.files(finding.execution).write(to: folder)
    }

    private static func temporaryFolder() throws -> URL {
        let shared = URL(fileURLWithPath: "/dev/shm")
        let parent =
            FileManager.default.isWritableFile(atPath: shared.path) ? shared : FileManager.default.temporaryDirectory
        let folder = parent.appendingPathComponent("graft-fuzz-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder
    }
}
