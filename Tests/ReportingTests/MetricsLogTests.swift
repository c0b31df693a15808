import Files
import Foundation
import Testing

@testable import Reporting

@Suite("metrics.jsonl")
struct MetricsLogTests {
    static func events(_ file: URL) throws -> [TrainingEvent] {
        var events: [TrainingEvent] = []
        try MetricsLog.read(file) { events.append($0) }
        return events
    }

    static func write(_ steps: ClosedRange<Int>, to file: URL) throws {
        let log = try MetricsLog(creating: file)
        for step in steps { try log.consume(.step(Samples.step(step))) }
    }

    @Test("names its keys as Hugging Face's trainer")
    func keys() throws {
        try withTemporaryFolder { folder in
            let file = folder.appending(path: "metrics.jsonl")
            let log = try MetricsLog(creating: file)
            try log.consume(.step(Samples.step(5)))
            try log.consume(.evaluation(Samples.evaluation(5, accuracy: 0.5, isBest: true)))
            try log.consume(.checkpoint(CheckpointRecord(path: "c/5", step: 5, bytes: 9, seconds: 0.5)))
            try log.consume(.warning(RunWarning(code: "odd", message: "A \"thing\"\n", step: 5)))
            let expected = #"""
                {"step":5,"epoch":0.02,"loss":1.5,"grad_norm":0.75,"learning_rate":0.00025,"tokens":500,"labelled_tokens":32,"padding_tokens":20,"examples":32,"seconds":0.25,"memory_bytes":629145600}
                {"step":5,"epoch":0.02,"eval_loss":1.25,"eval_accuracy":0.5,"eval_runtime":2.0,"best":true}
                {"step":5,"checkpoint":"c/5","bytes":9,"seconds":0.5}
                {"step":5,"warning":"odd","message":"A \"thing\"\n"}

                """#
            #expect(try String(contentsOf: file, encoding: .utf8) == expected)
        }
    }

    @Test("gives every event back as it was, in order")
    func roundTrip() throws {
        try withTemporaryFolder { folder in
            let file = folder.appending(path: "metrics.jsonl")
            var bare = Samples.step(2)
            bare.gradientNorm = nil
            bare.paddingTokens = nil
            var penalised = Samples.step(3)
            penalised.penalty = 0.25
            var other = Samples.evaluation(2, accuracy: 0.25)
            other.split = "held_out"
            let events: [TrainingEvent] = [
                .warning(RunWarning(code: "a", message: "b")), .step(Samples.step(1)), .step(bare), .step(penalised),
                .evaluation(other), .checkpoint(CheckpointRecord(path: "c", step: 2, bytes: 1, seconds: 2)),
            ]
            let log = try MetricsLog(creating: file)
            for event in events { try log.consume(event) }
            #expect(try Self.events(file) == events)
        }
    }

    @Test("writes null for what is not a number, and reads it as NaN")
    func notANumber() throws {
        try withTemporaryFolder { folder in
            let file = folder.appending(path: "metrics.jsonl")
            let log = try MetricsLog(creating: file)
            var record = Samples.step(1, loss: .infinity)
            record.gradientNorm = .nan
            try log.consume(.step(record))
            let text = try String(contentsOf: file, encoding: .utf8)
            #expect(text.contains(#""loss":null,"grad_norm":null"#))
            guard case .step(let back) = try #require(try Self.events(file).first) else {
                Issue.record("not a step")
                return
            }
            #expect(back.loss.isNaN)
            #expect(back.gradientNorm?.isNaN == true)
        }
    }

    @Test("is never overwritten by a fresh run")
    func neverOverwritten() throws {
        try withTemporaryFolder { folder in
            let file = folder.appending(path: "metrics.jsonl")
            try Self.write(1...2, to: file)
            #expect(throws: ReportingError.holdsAnotherRun(path: file.path)) { try MetricsLog(creating: file) }
            #expect(try Self.events(file).count == 2)
        }
    }

    @Test("loses the records after the resumed step and goes on behind them")
    func resumes() throws {
        try withTemporaryFolder { folder in
            let file = folder.appending(path: "metrics.jsonl")
            try Self.write(1...5, to: file)
            let log = try MetricsLog(resuming: file, afterStep: 3)
            try log.consume(.step(Samples.step(4, loss: 9)))
            #expect(
                try Self.events(file) == [
                    .step(Samples.step(1)), .step(Samples.step(2)), .step(Samples.step(3)),
                    .step(Samples.step(4, loss: 9)),
                ])
        }
    }

    @Test("loses a torn last line on resuming", arguments: ["{\"step\":3,\"ep", "\u{0}\u{0}\u{0}\n", "{}\n\n"])
    func torn(_ tail: String) throws {
        try withTemporaryFolder { folder in
            let file = folder.appending(path: "metrics.jsonl")
            try Self.write(1...2, to: file)
            let whole = try Data(contentsOf: file)
            try (whole + Data(tail.utf8)).write(to: file)
            _ = try MetricsLog(resuming: file, afterStep: 2)
            #expect(try Data(contentsOf: file) == whole)
        }
    }

    @Test("is left as it is where a damaged line stands before records to keep")
    func damagedInTheMiddle() throws {
        try withTemporaryFolder { folder in
            let file = folder.appending(path: "metrics.jsonl")
            try Self.write(1...1, to: file)
            let good = try Data(contentsOf: file)
            let damaged = good + Data("oops\n".utf8) + good
            try damaged.write(to: file)
            let isExpected = { (error: any Error) in
                guard case .malformedRecord(file.path, 2, _) = error as? ReportingError else { return false }
                return true
            }
            #expect(performing: { try MetricsLog(resuming: file, afterStep: 5) }, throws: isExpected)
            #expect(performing: { try Self.events(file) }, throws: isExpected)
            #expect(try Data(contentsOf: file) == damaged)
        }
    }

    @Test("begins anew where the log of a resumed run is gone")
    func resumesNothing() throws {
        try withTemporaryFolder { folder in
            let file = folder.appending(path: "metrics.jsonl")
            try MetricsLog(resuming: file, afterStep: 3).consume(.step(Samples.step(4)))
            #expect(try Self.events(file) == [.step(Samples.step(4))])
        }
    }

    @Test(
        "refuses lines that are no records",
        arguments: [
            #"{"step":1}"#, #"{"step":-1,"warning":"a","message":"b"}"#, #"{"step":1e30}"#, "[]", "null", "{",
            #"{"step":9223372036854775807,"warning":"a","message":"b"}"#,
            #"{"step":1,"epoch":0,"loss":"x","learning_rate":0}"#, #"{"step":1,"eval_loss":1,"epoch":1}"#,
        ])
    func refuses(_ line: String) throws {
        try withTemporaryFolder { folder in
            let file = folder.appending(path: "metrics.jsonl")
            try Data((line + "\n").utf8).write(to: file)
            #expect(throws: ReportingError.self) { try Self.events(file) }
        }
    }

    @Test("refuses an endless line without reading it whole")
    func endlessLine() throws {
        try withTemporaryFolder { folder in
            let file = folder.appending(path: "metrics.jsonl")
            try Data(repeating: UInt8(ascii: "x"), count: 3 << 20).write(to: file)
            #expect(throws: ReportingError.self) { try Self.events(file) }
        }
    }

    @Test("reads lines that cross the reader's chunks")
    func manyLines() throws {
        try withTemporaryFolder { folder in
            let file = folder.appending(path: "metrics.jsonl")
            try Self.write(1...2000, to: file)
            let steps = try Self.events(file).map { event in
                if case .step(let record) = event { record.step } else { 0 }
            }
            #expect(steps == Array(1...2000))
        }
    }

    #if os(Linux)
        @Test("says that the device is full")
        func deviceFull() throws {
            let log = try AppendingFile(URL(filePath: "/dev/full"), flags: 0)
            #expect(throws: FileError.system(.write, path: "/dev/full", code: ENOSPC)) { try log.append([1, 2, 3]) }
        }
    #endif

    @Test("is not waited for where a pipe has its name")
    func pipe() throws {
        try withTemporaryFolder { folder in
            let file = folder.appending(path: "metrics.jsonl")
            #expect(mkfifo(file.path, 0o600) == 0)
            #expect(throws: FileError.notAFile(path: file.path)) { try Self.events(file) }
        }
    }

    @Test("says that a folder is missing")
    func missingFolder() {
        let file = URL(filePath: "/nonexistent/metrics.jsonl")
        #expect(throws: FileError.system(.open, path: file.path, code: ENOENT)) {
            try MetricsLog(creating: file)
        }
        #expect(throws: FileError.system(.open, path: file.path, code: ENOENT)) {
            try Self.events(file)
        }
    }
}
