import Foundation
import Graft
import JSON
import Testing

@testable import Training

/// What a run finds in its folder when it is resumed, and what it makes of that.
@Suite struct CheckpointTests {
    /// A run of two epochs with both of its checkpoints, ten steps.
    private func finished(_ change: (inout TrainingConfiguration) -> Void = { _ in }) async throws -> (
        tiny: TinyCheckpoint, configuration: TrainingConfiguration
    ) {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try tiny.classification("run")
        configuration.training.numTrainEpochs = 2
        change(&configuration)
        try await observe(configuration)
        return (tiny, configuration)
    }

    private func refusal(_ configuration: TrainingConfiguration) async -> String {
        do {
            try await observe(configuration, start: .resume)
            return "accepted"
        } catch { return "\(error)" }
    }

    /// Changes one byte of a file.
    private func damage(_ path: String, at place: Int? = nil) throws {
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        bytes[place ?? bytes.count - 1] ^= 1
        try bytes.write(to: URL(fileURLWithPath: path))
    }

    private func names(_ folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasPrefix("checkpoint-") }.sorted()
    }

    @Test func theDamagedTensorIsNamedAndTheCheckpointBeforeIsTaken() async throws {
        let (tiny, configuration) = try await finished()
        let adapter = try tiny.adapter("run")
        try damage(tiny.path("run/checkpoint-10/training_state.safetensors"))
        let resumed = try await observe(configuration, start: .resume)
        let warning = try #require(resumed.warnings.first { $0.code == "checkpoint_skipped" })
        #expect(warning.message.contains("checkpoint-10: training_state.safetensors does not have the digest"))
        #expect(warning.message.contains("the tensor `"), "\(warning.message)")
        #expect(resumed.steps.map(\.step) == Array(6...10))
        #expect(try tiny.adapter("run") == adapter)
    }

    @Test(arguments: ["adapter_model.safetensors", "adapter_config.json", "trainer_state.json", "manifest.json"])
    func noFileOfACheckpointMayBeDamagedOrMissing(name: String) async throws {
        let (tiny, configuration) = try await finished()
        let file = tiny.path("run/checkpoint-10/\(name)")
        let whole = try Data(contentsOf: URL(fileURLWithPath: file))
        // In a manifest this is the first digest.
        try damage(file, at: 90)
        #expect(try await observe(configuration, start: .resume).warnings.map(\.code) == ["checkpoint_skipped"])
        try whole.write(to: URL(fileURLWithPath: file))
        try FileManager.default.removeItem(atPath: file)
        let resumed = try await observe(configuration, start: .resume)
        #expect(resumed.warnings.map(\.code) == ["checkpoint_skipped"])
        #expect(resumed.summary?.outcome == .completed)
    }

    @Test func anEmptyManifestIsNoCheckpoint() async throws {
        let (tiny, configuration) = try await finished()
        try tiny.write(#"{"format_version": 3, "sha256": {}, "tensors": {}}"#, to: "run/checkpoint-10/manifest.json")
        let resumed = try await observe(configuration, start: .resume)
        #expect(resumed.warnings.first?.message.contains("does not list training_state.safetensors") == true)
    }

    @Test func whereNoCheckpointIsWholeNothingBeginsAnewUnasked() async throws {
        let (tiny, configuration) = try await finished()
        let adapter = try tiny.adapter("run")
        for step in [5, 10] { try damage(tiny.path("run/checkpoint-\(step)/training_state.safetensors")) }
        let message = await refusal(configuration)
        #expect(message.contains("no checkpoint in") && message.contains("--overwrite"), "\(message)")
        #expect(try tiny.adapter("run") == adapter)
        #expect(try loggedSteps(tiny.path("run")).count == 10)
    }

    @Test(arguments: [2, 4])
    func aManifestOfAnotherFormatIsRefusedNotPassedOver(version: Int) async throws {
        let (tiny, configuration) = try await finished()
        try tiny.write(#"{"format_version": \#(version)}"#, to: "run/checkpoint-10/manifest.json")
        let message = await refusal(configuration)
        #expect(
            message.contains("\(version > 3 ? "a newer" : "an older") version of Graft (format \(version), this one"))
    }

    @Test func theOldestGoTheBestAndTheNewestStay() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try tiny.classification("run")
        configuration.data.validationFile = try tiny.classificationRows(12, offset: 100, to: "validation.jsonl")
        configuration.training.maxSteps = 6
        (configuration.training.saveStrategy, configuration.training.saveSteps) = (.steps, 1)
        configuration.training.saveTotalLimit = 1
        let run = try await observe(configuration)
        let best = try #require(run.summary?.bestStep)
        #expect(try names(tiny.path("run")) == Set([best, 6]).sorted().map { "checkpoint-\($0)" })
        #expect(run.checkpoints.count == 6)
    }

    @Test func aDamagedCheckpointOfLaterStepsDoesNotCountForTheLimit() async throws {
        let (tiny, configuration) = try await finished { $0.training.saveTotalLimit = 2 }
        try damage(tiny.path("run/checkpoint-10/training_state.safetensors"))
        var slow = configuration
        (slow.training.saveStrategy, slow.training.saveSteps) = (.steps, 1)
        let run = try await TrainingRun(slow, start: .resume)
        run.stop()
        try await observe(run)
        #expect(try names(tiny.path("run")) == ["checkpoint-10", "checkpoint-5", "checkpoint-6"])
        let resumed = try await observe(slow, start: .resume)
        #expect(resumed.steps.map(\.step) == Array(7...10))
        #expect(try names(tiny.path("run")) == ["checkpoint-10", "checkpoint-9"])
    }

    @Test func theTimesOfFilesDecideNothing() async throws {
        let (tiny, configuration) = try await finished()
        // The clock went back between the two checkpoints, and forward before that.
        for (step, time) in [(5, Date.distantFuture), (10, Date(timeIntervalSince1970: 1))] {
            try FileManager.default.setAttributes(
                [.modificationDate: time], ofItemAtPath: tiny.path("run/checkpoint-\(step)"))
        }
        var longer = configuration
        longer.training.maxSteps = 11
        #expect(try await observe(longer, start: .resume).steps.map(\.step) == [11])
    }

    @Test func whatAKilledRunLeftHalfWrittenIsCleanedUp() async throws {
        let (tiny, configuration) = try await finished()
        let folder = tiny.path("run")
        // Killed between the two renames of a checkpoint that was written again.
        try FileManager.default.moveItem(
            atPath: folder + "/checkpoint-10", toPath: folder + "/.graft-checkpoint-10-x.tmp.old")
        for name in [".graft-checkpoint-10-x.tmp", ".graft-checkpoint-11-y.tmp", ".graft-base-z.tmp"] {
            try FileManager.default.createDirectory(atPath: folder + "/" + name, withIntermediateDirectories: true)
        }
        try Data().write(to: URL(fileURLWithPath: folder + "/.graft-abc.tmp"))
        try Data().write(to: URL(fileURLWithPath: folder + "/.graft-merged-q.tmp"))
        let resumed = try await observe(configuration, start: .resume)
        #expect(resumed.steps.isEmpty && resumed.warnings.map(\.code) == ["already_finished"])
        let hidden = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasPrefix(".") }
        // What others write in the folder is theirs.
        #expect(hidden == [".graft-merged-q.tmp"])
    }

    @Test func aChangedOptionIsNamedByItsKey() async throws {
        let (tiny, configuration) = try await finished()
        defer { withExtendedLifetime(tiny) {} }
        var other = configuration
        var lora = LoRA()
        lora.loraDropout = 0.5
        other.method = lora
        #expect(await refusal(other).contains("`method.lora_dropout` was 0.0 and is now 0.5"))
        other.method = BitFit()
        #expect(await refusal(other).contains("`method` was {"))
        other = configuration
        other.training.gradientAccumulationSteps = 3
        #expect(await refusal(other).contains("`gradient_accumulation_steps` was 1 and is now 3"))
    }

    @Test(arguments: [("model.safetensors", "the weights of"), ("tokenizer.json", "the tokenizer of")])
    func anotherBaseUnderTheSameNameIsRefused(name: String, says: String) async throws {
        let (tiny, configuration) = try await finished()
        let file = URL(fileURLWithPath: tiny.path("model/\(name)"))
        var bytes = try Data(contentsOf: file)
        if name.hasSuffix(".json") {
            bytes.append(10)
        } else {
            // The lowest byte of every number of the second half.
            for place in stride(from: bytes.count / 2 / 4 * 4 + bytes.count % 4, to: bytes.count, by: 4) {
                bytes[place] ^= 1
            }
        }
        try bytes.write(to: file)
        var longer = configuration
        longer.training.maxSteps = 11
        let message = await refusal(longer)
        #expect(message.contains(says) && message.contains("of the checkpoint"), "\(message)")
    }

    @Test func aRunThatEndedEarlyStaysEnded() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try tiny.classification("run")
        configuration.data.validationFile = try tiny.classificationRows(12, offset: 100, to: "validation.jsonl")
        configuration.training.maxSteps = 40
        (configuration.training.evalStrategy, configuration.training.evalSteps) = (.steps, 1)
        configuration.training.earlyStoppingPatience = 2
        configuration.training.earlyStoppingThreshold = 10
        let first = try await observe(configuration)
        #expect(first.summary?.outcome == .stoppedEarly)
        let adapter = try tiny.adapter("run")
        let again = try await observe(configuration, start: .resume)
        #expect(again.summary?.outcome == .stoppedEarly)
        #expect(again.steps.isEmpty)
        #expect(again.warnings.contains { $0.code == "already_finished" && $0.message.contains("improved") })
        #expect(try tiny.adapter("run") == adapter)
        configuration.training.earlyStoppingPatience = nil
        configuration.training.maxSteps = 5
        #expect(try await observe(configuration, start: .resume).summary?.outcome == .completed)
    }
}
