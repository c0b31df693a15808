import Foundation

/// Writes `metrics.jsonl`: one JSON object per line for each step, evaluation, checkpoint and warning.
///
/// Every line is handed to the system as it happens, so a killed process loses none; at checkpoints the file is
/// synchronised, so a power cut loses none of what a resumed run builds on.
public final class MetricsLog {
    private let descriptor: FileDescriptor

    /// Begins the log of a fresh run.
    ///
    /// - Throws: ``ReportingError/holdsAnotherRun(path:)`` if the file exists: a log is never overwritten.
    public init(creating file: URL) throws(ReportingError) {
        descriptor = try FileDescriptor(path: file.path, flags: O_WRONLY | O_CREAT | O_EXCL)
    }

    /// Continues the log of a resumed run: records of later steps than the one that it resumes after, and a line that
    /// was torn when the process died, are cut off. A log that is gone is begun anew.
    ///
    /// - Throws: ``ReportingError/malformedRecord(path:line:reason:)`` if a line that is no record stands before
    ///   records that must be kept; the file is then unchanged.
    public init(resuming file: URL, afterStep step: Int) throws(ReportingError) {
        descriptor = try FileDescriptor(path: file.path, flags: O_WRONLY | O_CREAT)
        try descriptor.truncate(to: try Self.keptLength(of: file.path, afterStep: step))
    }

    /// Appends what an event says; `started` and `finished` have files of their own.
    public func consume(_ event: TrainingEvent) throws(ReportingError) {
        switch event {
        case .started: break
        case .step(let record): try append(.step(record))
        case .evaluation(let record): try append(.evaluation(record))
        case .warning(let warning): try append(.warning(warning))
        case .checkpoint(let record):
            try append(.checkpoint(record))
            try descriptor.synchronize()
        case .finished: try descriptor.synchronize()
        }
    }

    private func append(_ record: LogRecord) throws(ReportingError) {
        try descriptor.write(record.line)
    }

    /// Bytes up to the first record that a resumed run does not build on.
    private static func keptLength(of path: String, afterStep step: Int) throws(ReportingError) -> Int {
        var lines = try LineReader(path: path)
        var kept = 0
        var firstMalformed: ReportingError?
        while let line = try lines.next() {
            guard let record = line.isComplete ? try? LogRecord(line: line.bytes) : nil else {
                firstMalformed =
                    firstMalformed
                    ?? .malformedRecord(path: path, line: line.number, reason: reason(line.bytes))
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
