import Foundation
import Graft
import JSON
import Testing

@testable import Training

/// Blocks that are run again in the backward change the memory of a training, and no number of it.
@Suite struct GradientCheckpointingTests {
    /// Trains without and with gradient checkpointing: both leave the same numbers and the same log.
    private func expectSameRun(
        _ configuration: TrainingConfiguration, sourceLocation: Testing.SourceLocation = #_sourceLocation
    ) async throws {
        let folder = configuration.outputDirectory
        var checkpointed = configuration
        checkpointed.training.gradientCheckpointing = true
        checkpointed.outputDirectory += "-checkpointed"
        let expected = try await observe(configuration)
        let found = try await observe(checkpointed)
        #expect(expected.losses.count >= 2, sourceLocation: sourceLocation)
        #expect(found.losses == expected.losses, sourceLocation: sourceLocation)
        #expect(
            found.steps.map(\.gradientNorm) == expected.steps.map(\.gradientNorm), sourceLocation: sourceLocation)
        try expectSameTensors(folder, checkpointed.outputDirectory, sourceLocation: sourceLocation)
    }

    /// The adapters' tensors, whose files differ in the digest of the configuration.
    private func expectSameTensors(
        _ first: String, _ second: String, sourceLocation: Testing.SourceLocation = #_sourceLocation
    ) throws {
        let (first, second) = try (file(of: first), file(of: second))
        #expect(!first.names.isEmpty && first.names == second.names, sourceLocation: sourceLocation)
        for name in first.names {
            let isSame = try first.tensor(name).isEqual(to: second.tensor(name))
            #expect(isSame, "\(name)", sourceLocation: sourceLocation)
        }
    }

    private func file(of run: String) throws -> SafetensorsFile {
        try SafetensorsFile(URL(fileURLWithPath: run).appendingPathComponent(AdapterFolder.weightsName))
    }

    @Test(arguments: ConformanceTests.methods)
    func everyMethodTrainsAsWithoutIt(_ subject: Subject) async throws {
        let trial = try await subject.trial(isEventful: true)
        var configuration = trial.configuration
        configuration.training.maxSteps = 5
        configuration.training.perDeviceTrainBatchSize = 3
        configuration.training.gradientAccumulationSteps = 2
        configuration.training.evalStrategy = .no
        try await expectSameRun(configuration)
    }

    @Test func encodersAndDecodersTogether() async throws {
        let tiny = try TinyCheckpoint.bart()
        var lora = LoRA()
        (lora.targetModules, lora.loraDropout) = (.allLinear, 0.2)
        var configuration = TrainingConfiguration(
            model: tiny.model.path, data: try tiny.targetRows(), task: .seq2seq, method: lora,
            outputDirectory: tiny.path("run"))
        configuration.training.maxSteps = 4
        try await expectSameRun(configuration)
    }

    @Test(arguments: [PreferenceOptions.LossType.dpo, .kto])
    func answersThatAreCompared(loss: PreferenceOptions.LossType) async throws {
        let tiny = try TinyCheckpoint.llama()
        let row: JSON = ["prompt": "apple ", "chosen": "iron zinc", "rejected": "pear"]
        let rows = String(repeating: row.serialized() + "\n", count: 8)
        var configuration = TrainingConfiguration(
            model: tiny.model.path, data: try tiny.write(rows, to: "pairs.jsonl"), task: .preference, method: LoRA(),
            outputDirectory: tiny.path("run"))
        configuration.preference.lossType = loss
        configuration.training.perDeviceTrainBatchSize = 4
        configuration.training.maxSteps = 3
        try await expectSameRun(configuration)
    }

    /// A run may go on with or without it: nothing of it is in a checkpoint.
    @Test func aRunGoesOnWithIt() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try tiny.classification("run")
        configuration.training.maxSteps = 4
        let whole = try await observe(configuration)
        try FileManager.default.moveItem(atPath: tiny.path("run"), toPath: tiny.path("run-whole"))
        let first = try await TrainingRun(configuration)
        first.stop()
        _ = try await observe(first)
        configuration.training.gradientCheckpointing = true
        try await observe(configuration, start: .resume)
        try expectSameTensors(tiny.path("run"), tiny.path("run-whole"))
        #expect(try loggedSteps(tiny.path("run")).map(\.loss) == whole.losses)
    }

    @Test func theForecastCountsOneBlockAndTheEntriesOfAll() async throws {
        let tiny = try TinyCheckpoint.llama()
        var configuration = try tiny.completion("run")
        func activations() async throws -> Int {
            let parts = try await TrainingRun(configuration).forecast.memoryParts
            return try #require(parts.first { $0.name == "activations" }).bytes
        }
        let plain = try await activations()
        configuration.training.gradientCheckpointing = true
        let checkpointed = try await activations()
        // Two layers of 16 channels whose projections all give more than that.
        #expect(checkpointed < plain && checkpointed > plain / 2)
    }
}
