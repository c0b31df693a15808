import Files
import Foundation
import JSON
import Reporting

/// The folder of one run of a comparison. It is the run's output folder, and holds besides what the run itself leaves:
/// `recipe.json`, the configuration that the process gets; `compared.json`, what the comparison knows of it; `log.txt`,
/// what the process said.
struct ComparedFolder {
    /// What the comparison knows of a run beyond the run's own files.
    struct Record: Codable, Equatable {
        /// Digest of all settings, as `ComparisonIdentity` has it.
        var settings: String?
        /// Seconds of the whole process; nil until it has ended.
        var processSeconds: Double?

        enum CodingKeys: String, CodingKey {
            case settings = "settings_digest"
            case processSeconds = "process_seconds"
        }
    }

    let url: URL

    private var recordFile: URL { url.appendingPathComponent("compared.json") }
    var recipeFile: URL { url.appendingPathComponent("recipe.json") }
    var logFile: URL { url.appendingPathComponent("log.txt") }

    /// Whether the folder holds something that no comparison has put there.
    var isForeign: Bool {
        FileManager.default.fileExists(atPath: url.path)
            && !FileManager.default.fileExists(atPath: recordFile.path)
            && (try? FileManager.default.contentsOfDirectory(atPath: url.path).isEmpty) != true
    }

    /// The figures of a run with these settings that has come to its end; nil where there is none.
    func finished(settings: String) -> (result: ComparedResult, forecast: Forecast?)? {
        guard let record = try? readRecord(), record.settings == settings, let seconds = record.processSeconds,
            let report = try? RunReport(runFolder: url),
            let result = ComparedResult(report, processSeconds: seconds)
        else { return nil }
        return (result, report.description.forecast)
    }

    /// Makes the folder and writes what a run starts from. What an earlier run said is gone afterwards.
    func prepare(_ configuration: TrainingConfiguration, settings: String?) throws {
        try AtomicFolder.makeFolder(url.path)
        try write(Record(settings: settings))
        try writeRecipe(configuration)
        for file in [logFile, RunFolder(url).resultFile] where FileManager.default.fileExists(atPath: file.path) {
            try FileManager.default.removeItem(at: file)
        }
    }

    func writeRecipe(_ configuration: TrainingConfiguration) throws {
        try AtomicFolder.makeFolder(url.path)
        try AtomicFile.write(Array((try configuration.json.serialized(.pretty) + "\n").utf8), to: recipeFile)
    }

    func write(_ record: Record) throws {
        try AtomicFile.write(try JSON(encoding: record).serializedBytes(.pretty) + [10], to: recordFile)
    }

    private func readRecord() throws -> Record {
        try JSON.Node(contentsOf: recordFile, maximumBytes: 1 << 16).decode()
    }

    /// Lines at the end of what the process said, the last one last.
    func lastLines() -> [String] {
        guard let file = try? FileInput(logFile),
            let bytes = try? file.read(at: max(0, file.size - 8192), count: min(file.size, 8192))
        else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).map(String.init)
    }
}
