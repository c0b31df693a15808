import ArgumentParser
import Foundation

/// Feeds the readers of files with damaged ones and reports what they did not survive.
@main
struct FuzzProgram: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "GraftFuzz",
        abstract: "Feeds the readers of files with damaged ones.",
        discussion: """
            Execution N of a reader is a function of the seed, the reader, N and the corpus. Findings are crashes, \
            executions that take too long or too much memory, reads outside of the folder, endless messages, and \
            results that contradict themselves; the input of each is kept in a folder.
            """)

    @Option(help: "Executions of all readers together.")
    var executions = 20_000
    @Option(help: "Seed of the damage.")
    var seed: UInt64 = 1
    @Option(help: "Only this reader; may be given several times.")
    var reader: [String] = []
    @Option(help: "Folder of the corpus.")
    var corpus = "Fuzz/Corpus"
    @Option(help: "Folder for the inputs of findings.")
    var findings = ".build/fuzz-findings"
    @Option(help: "Seconds of the processor that one execution may take.")
    var seconds = 10
    @Option(help: "MiB by which the peak of memory may grow.")
    var memory = 256
    @Option(help: .hidden)
    var worker: String?
    @Option(help: .hidden)
    var from = 0

    func run() throws {
        let limits = FuzzLimits(seconds: seconds, memory: memory << 20, silence: Double(seconds) * 12)
        let corpus = URL(fileURLWithPath: corpus)
        if let worker, let name = reader.first {
            return try work(
                Worker(
                    reader: FuzzReaders.named(name), corpus: corpus, seed: seed, limits: limits,
                    workspace: URL(fileURLWithPath: worker)))
        }
        let readers = try reader.isEmpty ? FuzzReaders.all : reader.map(FuzzReaders.named)
        let supervisor = Supervisor(
            corpus: corpus, seed: seed, limits: limits, mostFindings: 20,
            findingsFolder: URL(fileURLWithPath: findings))
        var (total, found) = (0, 0)
        for reader in readers {
            let outcome = try supervisor.run(reader, executions: max(1, executions / readers.count))
            report(outcome, of: reader.name)
            total += outcome.executions
            found += outcome.findings.count
        }
        print("\(total) executions, seed \(seed), \(found) findings")
        if found > 0 { throw ExitCode.failure }
    }

    private func work(_ worker: Worker) throws {
        do {
            try worker.run(from: from, to: executions)
            // Nothing is left to do, least of all what libraries do at the end of a process.
            _exit(0)
        } catch let fault as FuzzFault {
            FileHandle.standardError.write(Data("\(fault)\n".utf8))
            throw ExitCode(Worker.foundStatus)
        }
    }

    private func report(_ outcome: Supervisor.Outcome, of name: String) {
        let facts = [
            "\(outcome.executions) executions", "\(outcome.accepted) taken", "\(outcome.refused) refused",
            "corpus \(outcome.corpus.cases) cases \(outcome.corpus.bytes) bytes", "+\(outcome.growth >> 20) MiB",
            String(format: "%.1f s", outcome.seconds),
        ]
        print("\(name): \(facts.joined(separator: ", "))")
        for finding in outcome.findings {
            print("  \(name)-\(seed)-\(finding.execution): \(finding.problem)")
        }
    }
}
