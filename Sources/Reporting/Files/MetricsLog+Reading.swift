import Foundation

extension MetricsLog {
    /// Reads a log, handing each record to `body` as the event that it came from.
    ///
    /// A last line without a newline is what a killed process leaves; it is passed over.
    ///
    /// - Throws: `FileError` for a file that cannot be read, ``ReportingError`` for a line that is no record.
    public static func read(_ file: URL, _ body: (TrainingEvent) -> Void) throws {
        var lines = try LineReader(file)
        while let line = try lines.next() {
            guard line.isComplete else { return }
            guard let record = try? LogRecord(line: line.bytes) else {
                throw ReportingError.malformedRecord(path: file.path, line: line.number, reason: reason(line.bytes))
            }
            switch record {
            case .step(let record): body(.step(record))
            case .evaluation(let record): body(.evaluation(record))
            case .checkpoint(let record): body(.checkpoint(record))
            case .warning(let warning): body(.warning(warning))
            }
        }
    }
}
