/// What is wrong with a run's files, beyond what the system refuses (`FileError`).
public enum ReportingError: Error, Hashable, CustomStringConvertible {
    /// A fresh run would overwrite another run's log.
    case holdsAnotherRun(path: String)
    /// A line of the log is no record.
    case malformedRecord(path: String, line: Int, reason: String)
    /// A file does not hold what it should.
    case malformedFile(path: String, reason: String)

    /// One sentence that says what was wrong, where, and what to do.
    public var description: String {
        switch self {
        case .holdsAnotherRun(let path):
            "\(path) already holds the log of a run; resume that run or choose another output folder"
        case .malformedRecord(let path, let line, let reason):
            "\(path), line \(line), is not a record of a training run (\(reason)); remove the line or restore the file"
        case .malformedFile(let path, let reason):
            "\(path) is not a file of a training run: \(reason)"
        }
    }
}
