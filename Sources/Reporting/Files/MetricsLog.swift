import Foundation

/// Writes `metrics.jsonl`: one JSON object per line for each step, evaluation, checkpoint and warning.
///
/// Every line is handed to the system as it happens, so a killed process loses none; at checkpoints the file is
/// synchronised, so a power cut loses none of what a resumed run builds on.
public final class MetricsLog {
    private let file: AppendingFile

    /// Begins the log of a fresh run.
    ///
    /// - Throws: `FileError`; ``ReportingError/holdsAnotherRun(path:)`` if the file exists: a log is never overwritten.
    public init(creating url: URL) throws {
        file = try AppendingFile(url, flags: O_CREAT | O_EXCL)
    }

    /// Continues the log of a resumed run: records of later steps than the one that it resumes after, and a line that
    /// was torn when the process died, are cut off. A log that is gone is begun anew.
    ///
    /// - Throws: ``ReportingError/malformedRecord(path:line:reason:)`` if a line that is no record stands before
    ///   records that must be kept; the file is then unchanged.
    public init(resuming url: URL, afterStep step: Int) throws {
        file = try AppendingFile(url, flags: O_CREAT)
        try file.truncate(to: try Self.keptLength(of: url, afterStep: step))
    }

    /// Appends what an event says; `started` and `finished` have files of their own.
    public func consume(_ event: TrainingEvent) throws {
        switch event {
        case .started: break
        case .step(let record): try append(.step(record))
        case .evaluation(let record): try append(.evaluation(record))
        case .warning(let warning): try append(.warning(warning))
        case .checkpoint(let record):
            try append(.checkpoint(record))
            try file.synchronize()
        case .finished: try file.synchronize()
        }
    }

    private func append(_ record: LogRecord) throws {
        try file.append(record.line)
    }

    /// Bytes up to the first record that a resumed run does not build on.
    private static func keptLength(of url: URL, afterStep step: Int) throws -> Int {
        var lines = try LineReader(url)
        var kept = 0
        var firstMalformed: ReportingError?
        while let line = try lines.next() {
            guard let record = line.isComplete ? try? LogRecord(line: line.bytes) : nil else {
                firstMalformed =
                    firstMalformed
                    ?? .malformedRecord(path: url.path, line: line.number, reason: reason(line.bytes))
                continue
            }
            guard record.step <= step else { continue }
            if let firstMalformed { throw firstMalformed }
            kept = line.offset + line.bytes.count + 1
        }
        return kept
    }

    /// What is wrong with a line.
    static func reason(_ bytes: [UInt8]) -> String {
        do {
            _ = try LogRecord(line: bytes)
            return "its newline is missing"
        } catch { return "\(error)" }
    }
}
