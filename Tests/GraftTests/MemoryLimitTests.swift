import Foundation
import Graft
import JSON
import Testing

@testable import Training

@Suite struct MemoryLimitTests {
    private func refusal(_ run: () async throws -> Void) async -> String {
        do {
            try await run()
            return "accepted"
        } catch { return "\(error)" }
    }

    @Test func aForecastAboveTheLimitIsRefusedWithTheSmallestChangeThatFits() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try tiny.classification("run")
        let forecast = try await TrainingRun(configuration).forecast.memoryBytes
        configuration.training.memoryLimit = ByteCount(forecast)
        _ = try await TrainingRun(configuration)
        configuration.training.memoryLimit = ByteCount(forecast - 1)
        let limited = configuration
        let message = await refusal { _ = try await TrainingRun(limited) }
        #expect(message.contains("per_device_train_batch_size: 4 with gradient_accumulation_steps: 2"), "\(message)")
        configuration.training.perDeviceTrainBatchSize = 4
        configuration.training.gradientAccumulationSteps = 2
        _ = try await TrainingRun(configuration)
        #expect(!FileManager.default.fileExists(atPath: configuration.outputDirectory))
    }

    @Test func shorterPackedRowsAreProposedWhereNoSmallerBatchFits() async throws {
        let tiny = try TinyCheckpoint.llama()
        var configuration = try tiny.completion("run")
        (configuration.data.batching, configuration.data.maxLength) = (.packing, 32)
        configuration.training.perDeviceTrainBatchSize = 2
        configuration.training.gradientCheckpointing = true
        var single = configuration
        single.training.perDeviceTrainBatchSize = 1
        let forecast = try await TrainingRun(single).forecast.memoryBytes
        configuration.training.memoryLimit = ByteCount(forecast - 1)
        let limited = configuration
        let message = await refusal { _ = try await TrainingRun(limited) }
        #expect(
            message.contains(
                "max_length: 28 with per_device_train_batch_size: 1 and gradient_accumulation_steps: 2 takes about"),
            "\(message)")
        (configuration.data.maxLength, configuration.training.perDeviceTrainBatchSize) = (28, 1)
        configuration.training.gradientAccumulationSteps = 2
        _ = try await TrainingRun(configuration)
    }

    @Test(arguments: [
        (1, "gradient_checkpointing: true makes the same steps"),
        (
            2,
            "gradient_checkpointing: true and per_device_train_batch_size: 1 with gradient_accumulation_steps: 2 makes"
        ),
    ])
    func blocksThatRunAgainAreProposedWhereNoSmallerBatchFits(size: Int, proposal: String) async throws {
        let tiny = try TinyCheckpoint.llama()
        var configuration = try tiny.completion("run")
        configuration.training.perDeviceTrainBatchSize = 1
        configuration.training.memoryLimit = ByteCount(try await TrainingRun(configuration).forecast.memoryBytes - 1)
        configuration.training.perDeviceTrainBatchSize = size
        let limited = configuration
        let message = await refusal { _ = try await TrainingRun(limited) }
        #expect(message.contains(proposal), "\(message)")
        configuration.training.gradientCheckpointing = true
        configuration.training.perDeviceTrainBatchSize = 1
        configuration.training.gradientAccumulationSteps = size
        _ = try await TrainingRun(configuration)
    }

    @Test func whatCannotFitSaysSo() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try tiny.classification("run")
        configuration.training.memoryLimit = ByteCount(1 << 20)
        let message = await refusal { [configuration] in _ = try await TrainingRun(configuration) }
        #expect(message.contains("more than 1.00 MiB") && message.contains("raise the limit"), "\(message)")
    }

    @Test func aRunAboveTheLimitEndsWithACheckpointAndGoesOn() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try tiny.classification("run")
        configuration.training.maxSteps = 3
        configuration.training.saveStrategy = .no
        // The forecast counts this run; the process holds more than it.
        let forecast = try await TrainingRun(configuration).forecast.memoryBytes
        configuration.training.memoryLimit = ByteCount(forecast)
        guard ProcessMemory.measure().peak > forecast else { return }
        let message = await refusal { [configuration] in try await observe(configuration) }
        #expect(message.contains("up to step 1, more than"), "\(message)")
        #expect(FileManager.default.fileExists(atPath: tiny.path("run/checkpoint-1")))
        configuration.training.memoryLimit = nil
        let resumed = try await observe(configuration, start: .resume)
        #expect(resumed.steps.map(\.step) == [2, 3])
    }

    @Test(arguments: [
        ("1000000000", 1_000_000_000), ("\"900MiB\"", 943_718_400), ("\"1.5 GB\"", 1_500_000_000),
    ])
    func theLimitIsBytesOrATextWithAUnit(text: String, bytes: Int) throws {
        let members = #""model": "m", "task": "classification", "train_file": "t", "output_dir": "o""#
        let configuration = try TrainingConfiguration(
            JSON.Node(JSON.parse("{\(members), \"memory_limit\": \(text)}")))
        #expect(configuration.training.memoryLimit == ByteCount(bytes))
        let again = try TrainingConfiguration(JSON.Node(configuration.json))
        #expect(again.training == configuration.training)
        #expect(throws: TrainingError.self) {
            try TrainingConfiguration(JSON.Node(JSON.parse("{\(members), \"memory_limit\": \"much\"}")))
        }
    }
}
