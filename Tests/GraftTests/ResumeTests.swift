import Foundation
import Graft
import Testing

@Suite struct ResumeTests {
    /// Runs a training without interruption, and then puts its folder elsewhere: the name of the output is part of the
    /// configuration, whose digest the adapter carries.
    private func uninterrupted(_ configuration: TrainingConfiguration) async throws -> ObservedRun {
        let observed = try await observe(configuration)
        try FileManager.default.moveItem(
            atPath: configuration.outputDirectory, toPath: configuration.outputDirectory + "-whole")
        return observed
    }

    /// Runs a training in single steps, each in a session of its own, then to its end.
    private func interrupt(_ configuration: TrainingConfiguration, after steps: Int) async throws -> ObservedRun {
        for step in 1...steps {
            let run = try await TrainingRun(configuration, start: step == 1 ? .new : .resume)
            // Stopped before it starts, a run takes one step and leaves a checkpoint.
            run.stop()
            let observed = try await observe(run)
            #expect(observed.summary?.outcome == .interrupted)
            #expect(observed.summary?.steps == step)
        }
        return try await observe(configuration, start: .resume)
    }

    @Test(arguments: TrainingConfiguration.OptimizerName.allCases)
    func aRunThatWasInterruptedAfterEachOfSixStepsEndsAsOneThatWasNot(
        optimizer: TrainingConfiguration.OptimizerName
    ) async throws {
        let tiny = try TinyCheckpoint.bert()
        var lora = LoRA()
        lora.loraDropout = 0.2
        var configuration = try tiny.classification("run", method: lora)
        configuration.training.optim = optimizer
        configuration.training.momentum = 0.9
        configuration.training.numTrainEpochs = 2
        configuration.training.gradientAccumulationSteps = 2
        configuration.training.perDeviceTrainBatchSize = 4
        configuration.training.weightDecay = 0.01
        configuration.training.lrSchedulerType = .cosine
        configuration.data.validationFile = try tiny.classificationRows(12, offset: 100, to: "validation.jsonl")

        let expected = try await uninterrupted(configuration)
        let resumed = try await interrupt(configuration, after: 6)

        #expect(expected.steps.count == 10)
        #expect(resumed.steps.first?.step == 7)
        #expect(try tiny.adapter("run") == tiny.adapter("run-whole"))
        let logged = try loggedSteps(configuration.outputDirectory)
        #expect(logged.map(\.step) == Array(1...10))
        #expect(logged.map(\.loss) == expected.losses)
        #expect(logged.map(\.gradientNorm) == expected.steps.map(\.gradientNorm))
        #expect(resumed.summary?.metrics == expected.summary?.metrics)
    }

    @Test(arguments: ["true", "pissa", "olora"])
    func everyStartOfTheFactorsResumesExactly(start: String) async throws {
        let tiny = try TinyCheckpoint.llama()
        var lora = LoRA()
        lora.r = 4
        lora.initLoRAWeights = start == "pissa" ? .pissa(iterations: nil) : start == "olora" ? .olora : .default
        lora.useDoRA = start == "true"
        var configuration = try tiny.completion("run", method: lora)
        configuration.training.maxSteps = 4
        _ = try await uninterrupted(configuration)
        _ = try await interrupt(configuration, after: 2)
        #expect(try tiny.adapter("run") == tiny.adapter("run-whole"))
    }

    @Test func recordsOfSeveralStepsAreTheSameAfterAnInterruptionBetweenThem() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try tiny.classification("run")
        configuration.training.numTrainEpochs = 2
        configuration.training.loggingSteps = 4
        let expected = try await uninterrupted(configuration)
        _ = try await interrupt(configuration, after: 2)
        let logged = try loggedSteps(configuration.outputDirectory)
        #expect(logged.map(\.step) == [4, 8, 10])
        #expect(logged.map(\.loss) == expected.losses)
        #expect(logged.map(\.tokens) == expected.steps.map(\.tokens))
    }

    @Test func otherRowsUnderTheSameNameAreRefused() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try tiny.classification("run")
        configuration.training.numTrainEpochs = 2
        _ = try await observe(configuration)
        let rows = URL(fileURLWithPath: configuration.data.trainFile)
        let lines = try String(contentsOf: rows, encoding: .utf8).split(separator: "\n")
        try (lines.reversed().joined(separator: "\n") + "\n").write(to: rows, atomically: true, encoding: .utf8)
        configuration.training.numTrainEpochs = 3
        let changed = configuration
        await #expect {
            _ = try await observe(changed, start: .resume)
        } throws: { "\($0)".contains("are not those of the checkpoint") }
    }

    @Test func aRunThatDiedBeforeItsFirstCheckpointBeginsAgain() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try tiny.classification("run")
        configuration.training.numTrainEpochs = 1
        _ = try await uninterrupted(configuration)
        _ = try await observe(configuration)
        // What a process killed in its first epoch leaves: a log, and no checkpoint.
        for name in try FileManager.default.contentsOfDirectory(atPath: configuration.outputDirectory)
        where name.hasPrefix("checkpoint-") || name == "result.json" {
            try FileManager.default.removeItem(atPath: configuration.outputDirectory + "/" + name)
        }
        let resumed = try await observe(configuration, start: .resume)
        #expect(resumed.warnings.contains { $0.code == "nothing_to_resume" })
        #expect(try loggedSteps(configuration.outputDirectory).map(\.step) == Array(1...5))
        #expect(try tiny.adapter("run") == tiny.adapter("run-whole"))
    }

    @Test func aDamagedCheckpointIsPassedOverForTheOneBefore() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try tiny.classification("run")
        configuration.training.numTrainEpochs = 2
        _ = try await uninterrupted(configuration)
        _ = try await observe(configuration)
        let newest = URL(fileURLWithPath: configuration.outputDirectory + "/checkpoint-10/training_state.safetensors")
        var bytes = try Data(contentsOf: newest)
        bytes[bytes.count - 1] ^= 1
        try bytes.write(to: newest)
        let resumed = try await observe(configuration, start: .resume)
        #expect(resumed.warnings.contains { $0.code == "checkpoint_skipped" && $0.message.contains("checkpoint-10") })
        #expect(resumed.steps.map(\.step) == Array(6...10))
        #expect(try tiny.adapter("run") == tiny.adapter("run-whole"))
    }

    @Test(arguments: [(2, "an older version"), (4, "a newer version")])
    func aCheckpointOfAnotherFormatIsRefused(version: Int, says: String) async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try tiny.classification("run")
        configuration.training.numTrainEpochs = 1
        _ = try await observe(configuration)
        let folder = URL(fileURLWithPath: configuration.outputDirectory + "/checkpoint-5")
        func rewrite(_ name: String, _ change: (String) throws -> String) throws {
            let file = folder.appendingPathComponent(name)
            let text = try change(String(contentsOf: file, encoding: .utf8))
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
        let state = folder.appendingPathComponent("trainer_state.json")
        let before = try Digest.file(state)
        try rewrite("trainer_state.json") {
            $0.replacingOccurrences(of: "\"format_version\": 3", with: "\"format_version\": \(version)")
        }
        let after = try Digest.file(state)
        #expect(after != before)
        try rewrite("manifest.json") { $0.replacingOccurrences(of: before, with: after) }
        configuration.training.numTrainEpochs = 2
        let changed = configuration
        await #expect {
            _ = try await observe(changed, start: .resume)
        } throws: { "\($0)".contains("was written by \(says) of Graft (format \(version), this one has 3)") }
    }

    @Test func aContinuationWithOtherStepsIsRefused() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try tiny.classification("run")
        configuration.training.numTrainEpochs = 1
        _ = try await observe(configuration)
        configuration.training.learningRate = 1e-2
        let changed = configuration
        await #expect {
            _ = try await observe(changed, start: .resume)
        } throws: { error in
            "\(error)".contains("`learning_rate` was 0.005 and is now 0.01")
        }
    }

    @Test func endingTheIterationEndsTheTrainingWithACheckpoint() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try tiny.classification("run")
        configuration.training.maxSteps = 100_000
        configuration.training.saveStrategy = .no
        for try await event in try await TrainingRun(configuration).events() {
            if case .step = event { break }
        }
        let folder = RunFolder(URL(fileURLWithPath: configuration.outputDirectory))
        let deadline = ContinuousClock.now + .seconds(60)
        while try folder.readSummary() == nil, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(20))
        }
        let summary = try #require(try folder.readSummary())
        #expect(summary.outcome == .interrupted)
        #expect(summary.nextCommands.contains { $0.command.hasSuffix("--resume") })
        #expect(
            FileManager.default.fileExists(atPath: configuration.outputDirectory + "/checkpoint-\(summary.steps)"))
    }

    @Test func theEventsOfARunCanBeTakenOnce() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try tiny.classification("run")
        configuration.training.numTrainEpochs = 1
        let run = try await TrainingRun(configuration)
        let observed = try await observe(run)
        #expect(observed.summary?.outcome == .completed)
        await #expect(throws: TrainingError.self) { _ = try await observe(run) }
    }
}
