import Files
import Foundation
import Graft
import Testing

@testable import Training

@Suite struct OutputLockTests {
    private func refusal(_ body: () async throws -> Void) async -> String {
        do {
            try await body()
            return "accepted"
        } catch { return "\(error)" }
    }

    @Test func aSecondRunOnTheSameFolderIsRefusedAndTheFirstGoesOn() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try tiny.classification("run")
        configuration.training.maxSteps = 100_000
        configuration.training.saveStrategy = .no
        let first = try await TrainingRun(configuration)
        // Prepared while nobody wrote, started when somebody does.
        let second = try await TrainingRun(configuration)
        var messages: [String] = []
        var steps = 0
        for try await event in first.events() {
            guard case .step = event else { continue }
            steps += 1
            if steps == 1 {
                messages.append(await refusal { _ = try await TrainingRun(configuration, start: .overwrite) })
                messages.append(await refusal { _ = try await TrainingRun(configuration, start: .resume) })
                messages.append(await refusal { try await observe(second) })
                first.stop()
            }
        }
        for message in messages {
            #expect(message.contains("is being written by another run (process \(getpid())"), "\(message)")
        }
        #expect(messages.count == 3)
        let resumed = try await TrainingRun(configuration, start: .resume)
        resumed.stop()
        #expect(try await observe(resumed).summary?.outcome == .interrupted)
        let names = try FileManager.default.contentsOfDirectory(atPath: configuration.outputDirectory)
        #expect(!names.contains(FolderLock.fileName))
    }

    @Test func whatAppearsBetweenTheCheckAndTheStartIsNotOverwritten() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try tiny.classification("run")
        configuration.training.maxSteps = 2
        let late = try await TrainingRun(configuration)
        try await observe(configuration)
        let adapter = try tiny.adapter("run")
        #expect(await refusal { try await observe(late) }.contains("already holds a run"))
        #expect(try tiny.adapter("run") == adapter)
    }

    @Test func aFolderThatVanishesEndsTheRunAndIsNotMadeAgain() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try tiny.classification("run")
        configuration.training.maxSteps = 100_000
        let output = configuration.outputDirectory
        let run = try await TrainingRun(configuration)
        let message = await refusal {
            for try await event in run.events() {
                if case .step(let step) = event, step.step == 2 {
                    try FileManager.default.moveItem(atPath: output, toPath: output + "-moved")
                }
            }
        }
        #expect(message.contains("was removed, moved or replaced"), "\(message)")
        #expect(!FileManager.default.fileExists(atPath: output))
    }

    @Test func aComparisonOfAFolderThatIsWrittenIsRefused() async throws {
        let tiny = try TinyCheckpoint.bert()
        let configuration = try tiny.classification("run")
        let recipe = MethodComparison.Recipe(name: "lora", configuration: .success(configuration))
        func comparison() throws -> MethodComparison {
            try MethodComparison(
                [recipe], budget: ComparisonBudget(), output: tiny.path("all"),
                program: URL(fileURLWithPath: "/bin/false"))
        }
        // Made while the folder was free, and run when it is not.
        let early = try comparison()
        try FileManager.default.createDirectory(atPath: tiny.path("all"), withIntermediateDirectories: true)
        let lock = try FolderLock(URL(fileURLWithPath: tiny.path("all")))
        let messages = [await refusal { _ = try comparison() }, await refusal { _ = try await early.run() }]
        for message in messages { #expect(message.contains("all is being written by another run"), "\(message)") }
        withExtendedLifetime(lock) {}
    }

    @Test func twoMergesIntoOneFolderAreOneAfterTheOther() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try tiny.classification("run")
        configuration.training.maxSteps = 1
        try await observe(configuration)
        let (base, adapter) = (tiny.model, URL(fileURLWithPath: tiny.path("run")))
        let output = URL(fileURLWithPath: tiny.path("merged"))
        let lock = try FolderLock(tiny.root, file: ".graft-merged.lock", for: output)
        let message = await refusal { _ = try Merger.merge(base: base, adapter: adapter, to: output) }
        #expect(message.contains("merged is being written by another run"), "\(message)")
        withExtendedLifetime(lock) {}
    }
}
