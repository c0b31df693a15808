import Files
import Foundation
import JSON

/// A run's folder: which file of it holds what.
public struct RunFolder: Sendable, Hashable {
    /// The folder.
    public var url: URL

    /// Names a folder; nothing is created.
    public init(_ url: URL) {
        self.url = url
    }

    /// What was known before the first step: description, forecast, environment.
    public var descriptionFile: URL { url.appending(path: "run.json") }
    /// The resolved configuration.
    public var configurationFile: URL { url.appending(path: "config.yaml") }
    /// One line for each step, evaluation, checkpoint and warning.
    public var metricsFile: URL { url.appending(path: "metrics.jsonl") }
    /// How the run ended.
    public var resultFile: URL { url.appending(path: "result.json") }
    /// The run for people to look at.
    public var reportFile: URL { url.appending(path: "report.html") }

    /// Writes `run.json`, whole or not at all.
    public func write(_ description: RunDescription, _ environment: RunEnvironment?) throws {
        var members = description.members
        if let environment { members["environment"] = environment.json }
        try Self.write(members, to: descriptionFile)
    }

    /// Writes `result.json`, whole or not at all.
    public func write(_ summary: RunSummary) throws {
        try Self.write(summary.members, to: resultFile)
    }

    /// Reads `run.json`.
    public func readDescription() throws -> (RunDescription, RunEnvironment?) {
        try Self.read(descriptionFile) { node in
            (try RunDescription(node), try node.optional("environment").map(RunEnvironment.init))
        }
    }

    /// Reads `result.json`; nil where the run has not ended, or was killed.
    public func readSummary() throws -> RunSummary? {
        guard FileManager.default.fileExists(atPath: resultFile.path) else { return nil }
        return try Self.read(resultFile) { try RunSummary($0) }
    }

    /// Reads `config.yaml` as text; nil where there is none that can be read. Only the first mebibyte is read.
    public func readConfiguration() -> String? {
        guard let file = try? FileInput(configurationFile),
            let bytes = try? file.read(at: 0, count: min(file.size, 1 << 20))
        else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Far above what a run with thousands of classes writes.
    private static let largestFile = 64 << 20

    private static func write(_ members: JSON.Object, to file: URL) throws {
        let bytes = JSON.object(members).serializedBytes(.pretty) + [UInt8(ascii: "\n")]
        try AtomicFile.write(bytes, to: file)
    }

    private static func read<Value>(
        _ file: URL, _ body: (JSON.Node) throws -> Value
    ) throws -> Value {
        do {
            return try body(try JSON.Node(contentsOf: file, maximumBytes: largestFile))
        } catch let error as JSONError {
            // The system's refusal names the path itself.
            if case .unreadable = error { throw error }
            throw ReportingError.malformedFile(path: file.path, reason: "\(error)")
        }
    }
}
