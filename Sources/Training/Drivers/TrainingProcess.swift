import Foundation

/// A training in a process of its own, so that its memory is its own.
final class TrainingProcess {
    private let process = Process()
    private let log: FileHandle
    private let began = ContinuousClock.now
    private var wasStopped = false

    /// Starts `program train recipe.json` with its words in the folder's log.
    init(_ program: URL, in folder: ComparedFolder) throws {
        guard FileManager.default.createFile(atPath: folder.logFile.path, contents: nil) else {
            throw TrainingError.files("\(folder.logFile.path) cannot be written; choose another output folder")
        }
        log = try FileHandle(forWritingTo: folder.logFile)
        process.executableURL = program
        process.arguments = ["train", folder.recipeFile.path, "--overwrite"]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = log
        process.standardError = log
        try process.run()
    }

    var isRunning: Bool { process.isRunning }
    var seconds: Double { (ContinuousClock.now - began).seconds }

    /// Asks the training to end after the step in progress. One that has not begun to train has nothing to lose and may
    /// not listen yet: it is ended at once.
    /// - Parameter hasBegun: whether the process has said anything.
    func stop(hasBegun: Bool) {
        guard !wasStopped else { return }
        wasStopped = true
        kill(process.processIdentifier, hasBegun ? SIGINT : SIGKILL)
    }

    /// How the process ended, in words; nil where it ended well.
    var fault: String? {
        switch (process.terminationReason, process.terminationStatus) {
        case (.exit, 0): nil
        case (.exit, let status): "the process ended with status \(status)"
        case (_, SIGKILL): "the process was killed (signal 9); it may have run out of memory"
        case (_, let signal): "the process was ended by signal \(signal)"
        }
    }

    deinit {
        // Only where something was thrown while the process ran.
        if process.isRunning { process.terminate() }
        try? log.close()
    }
}
