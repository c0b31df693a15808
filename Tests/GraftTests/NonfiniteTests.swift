import Foundation
import Graft
import Testing

@testable import Training

/// Numbers that go wrong: found in the step that they appear in, named, and dealt with as configured.
@Suite struct NonfiniteTests {
    /// Images of which one has pixels that are numbers, but whose squares are not. It comes in the second batch of the
    /// third step.
    private func images(_ tiny: TinyImages) async throws -> (TrainingConfiguration, row: Int) {
        var configuration = try settings(tiny)
        let session = try await TrainingSession.prepare(configuration)
        var batches = session.loader.batches(from: BatchPosition())
        let sixth = try (0..<6).map { _ in try batches.nextBatch() }.last
        let batch = try #require(sixth ?? nil)
        let bright = try #require(batch.exampleIndices.last)
        let pixels = (0..<40).flatMap { image in
            TinyImages.pixels(image).map { image == bright ? Float(3e38) : $0 }
        }
        configuration.data.trainFile = try tiny.write(
            [
                ("pixel_values", Tensor(pixels, shape: [40, 1, 4, 6])),
                ("labels", Tensor((0..<40).map { Int64($0 % 2) })),
            ], to: "bright.safetensors")
        return (configuration, bright + 1)
    }

    private func settings(_ tiny: TinyImages) throws -> TrainingConfiguration {
        var configuration = try tiny.classification("run")
        configuration.training.evalStrategy = .no
        configuration.training.gradientAccumulationSteps = 2
        configuration.training.perDeviceTrainBatchSize = 4
        configuration.training.maxSteps = 7
        return configuration
    }

    private func refusal(_ run: () async throws -> Void) async -> String {
        do {
            try await run()
            return "accepted"
        } catch { return "\(error)" }
    }

    @Test func theRowIsNamedInTheStepThatItComesIn() async throws {
        let tiny = try TinyImages()
        let (configuration, row) = try await images(tiny)
        let message = await refusal { try await observe(configuration) }
        #expect(message.contains("the loss is NaN at step"), "\(message)")
        #expect(message.contains("at step 3 (training row \(row))"), "\(message)")
        let steps = try loggedSteps(configuration.outputDirectory)
        #expect(steps.count == 2)
        let summary = try RunFolder(URL(fileURLWithPath: configuration.outputDirectory)).readSummary()
        #expect(summary?.outcome == .diverged)
    }

    @Test(arguments: [
        "lora", "lisa", "sparse-mezo", "adalora", "spiel", "increlora", "r-amt", "gradnormlorp", "hft", "loca",
    ])
    func aSkippedStepChangesNothingButTheCount(name: String) async throws {
        let tiny = try TinyImages()
        var (configuration, row) = try await images(tiny)
        configuration.method = try MethodRegistry.method(named: name).init()
        configuration.training.onNonfinite = .skip
        configuration.training.saveTotalLimit = nil
        (configuration.training.saveStrategy, configuration.training.saveSteps) = (.steps, 1)
        let run = try await observe(configuration)
        let skipped = try #require(run.warnings.first { $0.code == "step_skipped" })
        #expect(run.summary?.outcome == .completed && run.summary?.steps == 7)
        #expect(skipped.message.contains("training row \(row)"))
        #expect(run.steps.map(\.step) == (1...7).filter { step in !run.warnings.contains { $0.step == step } })
        #expect(skipped.step == 3)
        let states = try [2, 3].map { step in
            try Data(
                contentsOf: URL(fileURLWithPath: tiny.path("run/checkpoint-\(step)/training_state.safetensors")))
        }
        #expect(states[0] == states[1])

        // And the same with an interruption after every step.
        let whole = try tiny.adapter("run")
        try FileManager.default.moveItem(atPath: tiny.path("run"), toPath: tiny.path("whole"))
        for step in 1...7 {
            let part = try await TrainingRun(configuration, start: step == 1 ? .new : .resume)
            part.stop()
            try await observe(part)
        }
        #expect(try tiny.adapter("run") == whole)
        #expect(try loggedSteps(tiny.path("run")).map(\.loss) == run.losses)
    }

    @Test func aRunThatOnlySkipsEnds() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try tiny.classification("run")
        configuration.training.onNonfinite = .skip
        configuration.training.maxSteps = 100
        // The first update makes every weight infinite, and would do so again.
        configuration.training.learningRate = 1e39
        let message = await refusal { try await observe(configuration) }
        #expect(
            message.contains("the update made `") && message.contains("10 steps before it were skipped"), "\(message)")
    }

    @Test func anUpdateThatOverflowsIsFoundInItsStepAndNamed() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try tiny.classification("run")
        configuration.training.learningRate = 1e39
        let message = await refusal { try await observe(configuration) }
        #expect(message.contains("the update made `") && message.contains("at step 1 "), "\(message)")
        #expect(message.contains("lora_") || message.contains("classifier"), "\(message)")
    }

    /// A rate at which the weights overflow in the second step; in the first it is zero.
    private func steep(_ tiny: TinyCheckpoint) throws -> TrainingConfiguration {
        var configuration = try tiny.classification("run")
        configuration.training.onNonfinite = .rewind
        configuration.training.learningRate = 1e41
        configuration.training.rewindFactor = 1e-44
        configuration.training.warmupSteps = 8
        configuration.training.maxSteps = 8
        configuration.training.saveTotalLimit = nil
        configuration.training.evalStrategy = .no
        (configuration.training.saveStrategy, configuration.training.saveSteps) = (.steps, 1)
        return configuration
    }

    @Test func aRunIsTakenBackWithASmallerRateAndResumesTheSameWay() async throws {
        let tiny = try TinyCheckpoint.bert()
        let configuration = try steep(tiny)
        let run = try await observe(configuration)
        #expect(run.summary?.outcome == .completed && run.summary?.steps == 8)
        let rewinds = run.warnings.filter { $0.code == "rewound" }
        #expect(rewinds.count == 1)
        #expect(
            rewinds.first?.message.contains("from there on with 1e-44 times the learning rate") == true, "\(rewinds)")
        let whole = try tiny.adapter("run")
        let losses = try lastLosses(tiny.path("run"))
        #expect(losses.count == 8)
        try FileManager.default.moveItem(atPath: tiny.path("run"), toPath: tiny.path("whole"))

        for part in 0..<8 {
            let run = try await TrainingRun(configuration, start: part == 0 ? .new : .resume)
            run.stop()
            try await observe(run)
        }
        try await observe(configuration, start: .resume)
        #expect(try tiny.adapter("run") == whole)
        #expect(try lastLosses(tiny.path("run")) == losses)
    }

    @Test func whereTheCheckpointIsLostTooTheOneBeforeIsTaken() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try steep(tiny)
        // The second step's weights are numbers, but no more than that, and so are those of the checkpoint after it.
        configuration.training.learningRate = 1e39
        configuration.training.rewindFactor = 1e-21
        let run = try await observe(configuration)
        let targets = run.warnings.filter { $0.code == "rewound" }.map(\.step)
        #expect(zip(targets, targets.dropFirst()).contains { $1 == $0 - 1 }, "\(targets)")
        #expect(run.summary?.outcome == .completed)
        #expect(try lastLosses(tiny.path("run")).count == 8)
    }

    @Test func aRunIsTakenBackSoOftenAndNoMore() async throws {
        let tiny = try TinyImages()
        var (configuration, _) = try await images(tiny)
        configuration.training.onNonfinite = .rewind
        configuration.training.maxRewinds = 2
        let run = try await TrainingRun(configuration)
        var observed = ObservedRun()
        var message = ""
        do {
            for try await event in run.events() { observed.consume(event) }
        } catch { message = "\(error)" }
        #expect(message.contains("the run was taken back 2 times already (max_rewinds)"), "\(message)")
        #expect(observed.warnings.count { $0.code == "rewound" } == 2)
        #expect(observed.summary?.outcome == .diverged)
        #expect(observed.steps.map(\.step) == [1, 2, 1, 2, 1, 2])
        let rates = observed.steps.map(\.learningRate)
        #expect(rates[2] == rates[0] / 2 && rates[5] == rates[1] / 4)
    }

    @Test func aBaseThatIsNoNumberIsRefusedByName() async throws {
        let tiny = try TinyCheckpoint.bert()
        let configuration = try tiny.classification("run")
        let file = try SafetensorsFile(tiny.model.appendingPathComponent("model.safetensors"))
        let name = try #require(file.names.first { $0.hasSuffix("query.weight") })
        let tensors = try file.names.map { (name: $0, tensor: try file.tensor($0).clone()) }
        let damaged = try tensors.map { ($0.name, $0.name == name ? try $0.tensor / 0 : $0.tensor) }
        try SafetensorsWriter.write(
            damaged, metadata: ["format": "pt"], to: tiny.model.appendingPathComponent("model.safetensors"))
        let message = await refusal { _ = try await TrainingRun(configuration) }
        #expect(message.contains(name) && message.contains("NaN or infinite"), "\(message)")
    }

    /// The loss of each step, the last one where a step was taken more than once.
    private func lastLosses(_ folder: String) throws -> [Int: Double] {
        Dictionary(try loggedSteps(folder).map { ($0.step, $0.loss) }, uniquingKeysWith: { $1 })
    }
}
