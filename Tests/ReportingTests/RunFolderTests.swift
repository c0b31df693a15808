import Foundation
import JSON
import Testing

@testable import Reporting

@Suite("Files of a run")
struct RunFolderTests {
    @Test("result.json holds the metrics, the baselines' and the measurements at its top")
    func result() throws {
        try withTemporaryFolder { url in
            let folder = RunFolder(url)
            try folder.write(Samples.summary())
            let node = try JSON.Node(contentsOf: folder.resultFile)
            #expect(try node.field("accuracy").double() == 0.7213)
            #expect(try node.field("linear_probe_accuracy").double() == 0.3621)
            #expect(try node.field("seconds").double() == 161.5)
            #expect(try node.field("trainable_parameters").int() == 91_181)
            #expect(try node.field("peak_memory_mib").double() == 625)
            #expect(try node.field("outcome").string() == "completed")
            #expect(try folder.readSummary() == Samples.summary())
        }
    }

    @Test("a metric cannot take the place of a measurement in result.json")
    func collision() throws {
        try withTemporaryFolder { url in
            let folder = RunFolder(url)
            var summary = Samples.summary(.failed("no \"luck\""))
            summary.metrics = ["seconds": 0, "outcome": 1, "perplexity": .infinity]
            try folder.write(summary)
            let node = try JSON.Node(contentsOf: folder.resultFile)
            #expect(try node.field("seconds").double() == 161.5)
            #expect(try node.field("outcome").string() == "failed")
            #expect(try node.field("perplexity").isNull)
            let back = try #require(try folder.readSummary())
            #expect(back.metrics["seconds"] == 0)
            #expect(back.outcome == .failed("no \"luck\""))
        }
    }

    @Test("run.json gives description, forecast and environment back", arguments: [42, UInt64.max])
    func description(seed: UInt64) throws {
        try withTemporaryFolder { url in
            let folder = RunFolder(url)
            var description = Samples.description()
            description.seed = seed
            try folder.write(description, Samples.environment)
            let (back, environment) = try folder.readDescription()
            #expect(back == description)
            #expect(environment == Samples.environment)
        }
    }

    @Test("an unfinished run has no result, a folder without run.json is none")
    func absent() throws {
        try withTemporaryFolder { url in
            let summary = try RunFolder(url).readSummary()
            #expect(summary == nil)
            #expect(throws: JSONError.self) { try RunReport(runFolder: url) }
        }
    }

    @Test("damaged files are refused with their place", arguments: ["{", "{}", "[]", #"{"outcome":"perfect"}"#])
    func damaged(_ text: String) throws {
        try withTemporaryFolder { url in
            let folder = RunFolder(url)
            try Data(text.utf8).write(to: folder.resultFile)
            #expect(
                performing: { try folder.readSummary() },
                throws: { error in
                    guard case .malformedFile(folder.resultFile.path, let reason) = error as? ReportingError else {
                        return false
                    }
                    return reason.contains("result.json")
                })
        }
    }

    @Test("a recorded run reads back as the same report")
    func recorder() throws {
        try withTemporaryFolder { url in
            let folder = RunFolder(url)
            try Data("r: 8\n".utf8).write(to: folder.configurationFile)
            let recorder = RunRecorder(folder: folder, configuration: "r: 8\n", environment: Samples.environment)
            try recorder.consume(.started(Samples.description()))
            try recorder.consume(.evaluation(Samples.evaluation(0, accuracy: 0.02)))
            for step in 1...3 { try recorder.consume(.step(Samples.step(step))) }
            try recorder.consume(.warning(RunWarning(code: "a", message: "b", step: 3)))
            try recorder.consume(.finished(Samples.summary()))
            let report = try RunReport(runFolder: url)
            #expect(report == recorder.report)
            #expect(try String(contentsOf: folder.reportFile, encoding: .utf8) == report.html())
        }
    }

    @Test("a run that was resumed and killed does not show the result of its first part")
    func overtaken() throws {
        try withTemporaryFolder { url in
            let folder = RunFolder(url)
            let recorder = RunRecorder(folder: folder, configuration: "", environment: nil)
            try recorder.consume(.started(Samples.description()))
            try recorder.consume(.step(Samples.step(1)))
            var summary = Samples.summary(.interrupted)
            summary.steps = 1
            try recorder.consume(.finished(summary))
            let ended = try RunReport(runFolder: url)
            #expect(ended.summary == summary)
            let resumed = RunRecorder(folder: folder, configuration: "", environment: nil)
            try resumed.consume(.started(Samples.description(resumedFrom: 1)))
            try resumed.consume(.step(Samples.step(2)))
            let report = try RunReport(runFolder: url)
            #expect(report.summary == nil)
            #expect(report.steps.count == 2)
        }
    }

    @Test("a resumed run's record holds the earlier steps once, and its set-up warning once")
    func resumedRecorder() throws {
        try withTemporaryFolder { url in
            let folder = RunFolder(url)
            let first = RunRecorder(folder: folder, configuration: "", environment: nil)
            let warning = TrainingEvent.warning(RunWarning(code: "a", message: "b"))
            try first.consume(.started(Samples.description()))
            try first.consume(warning)
            for step in 1...5 { try first.consume(.step(Samples.step(step))) }
            try first.consume(.evaluation(Samples.evaluation(5, accuracy: 0.1)))

            let second = RunRecorder(folder: folder, configuration: "", environment: nil)
            try second.consume(.started(Samples.description(resumedFrom: 3)))
            try second.consume(warning)
            for step in 4...6 { try second.consume(.step(Samples.step(step))) }
            try second.consume(.evaluation(Samples.evaluation(5, accuracy: 0.2)))
            let report = try RunReport(runFolder: url)
            #expect(report.steps.map(\.step) == [1, 2, 3, 4, 5, 6])
            #expect(report.evaluations == [Samples.evaluation(5, accuracy: 0.2)])
            #expect(report.warnings.count == 1)
            #expect(report == second.report)
        }
    }
}
