import Foundation
import Graft
import JSON
import Testing

@Suite struct PreferenceTrainingTests {
    /// Fruits ask, metals are the better answer and fruits the worse one.
    private func configuration(
        _ tiny: TinyCheckpoint, _ loss: PreferenceOptions.LossType, rows: Int = 16, dropout: Double = 0
    ) throws -> TrainingConfiguration {
        let words = [
            ("apple", "iron zinc", "pear"), ("plum", "tin", "lime fig"), ("date fig", "gold lead tin", "cherry"),
        ]
        let text = (0..<rows).map { index in
            let (prompt, chosen, rejected) = words[index % 3]
            let row: JSON = [
                "prompt": .string(prompt + " "), "chosen": .string(chosen + (index % 2 == 0 ? " silver" : "")),
                "rejected": .string(rejected),
            ]
            return row.serialized() + "\n"
        }.joined()
        var lora = LoRA()
        lora.loraDropout = dropout
        var configuration = TrainingConfiguration(
            model: tiny.model.path, data: try tiny.write(text, to: "pairs.jsonl"), task: .preference, method: lora,
            outputDirectory: tiny.path("run"))
        configuration.preference.lossType = loss
        configuration.data.validationFile = try tiny.write(text, to: "judged.jsonl")
        configuration.training.perDeviceTrainBatchSize = 4
        configuration.training.learningRate = 1e-2
        return configuration
    }

    @Test(arguments: PreferenceOptions.LossType.allCases)
    func everyLossRaisesThePreferredAnswer(loss: PreferenceOptions.LossType) async throws {
        let tiny = try TinyCheckpoint.llama()
        var configuration = try configuration(tiny, loss)
        configuration.training.numTrainEpochs = 10
        let run = try await observe(configuration)
        let (first, last) = (try #require(run.evaluations.first), try #require(run.evaluations.last))
        let margin = "rewards/margins"
        #expect(try #require(last.metrics[margin]) > #require(first.metrics[margin]))
        #expect(last.metrics["rewards/accuracies"] == 1)
        #expect(try #require(last.metrics["loss"]) < #require(first.metrics["loss"]))
        let expected: [PreferenceOptions.LossType: Double] = [.dpo: log(2), .ipo: 25, .kto: 0.5]
        if let start = expected[loss] {
            #expect(abs(try #require(first.metrics["loss"]) - start) < 1e-6)
            #expect(abs(try #require(run.steps.first).loss - start) < 1e-6)
        }
    }

    @Test(arguments: [PreferenceOptions.LossType.dpo, .orpo])
    func accumulationChangesNothing(loss: PreferenceOptions.LossType) async throws {
        let tiny = try TinyCheckpoint.llama()
        var whole = try configuration(tiny, loss)
        whole.training.optim = .sgd
        whole.training.maxSteps = 2
        whole.data.batching = .random
        whole.training.perDeviceTrainBatchSize = 8
        var parts = whole
        parts.training.perDeviceTrainBatchSize = 2
        parts.training.gradientAccumulationSteps = 4
        parts.outputDirectory = tiny.path("parts")
        let (first, second) = (try await observe(whole), try await observe(parts))
        for (a, b) in zip(first.losses, second.losses) { #expect(abs(a - b) < 1e-6) }
        #expect(try tiny.distance("run", "parts") < 1e-6)
    }

    @Test(arguments: [PreferenceOptions.LossType.dpo, .kto])
    func anInterruptedRunEndsAsOneThatWasNot(loss: PreferenceOptions.LossType) async throws {
        let tiny = try TinyCheckpoint.llama()
        var configuration = try configuration(tiny, loss, dropout: 0.3)
        configuration.training.maxSteps = 4
        try await observe(configuration)
        let expected = try tiny.adapter("run")
        try FileManager.default.removeItem(atPath: tiny.path("run"))
        let part = try await TrainingRun(configuration)
        part.stop()
        try await observe(part)
        try await observe(configuration, start: .resume)
        #expect(try tiny.adapter("run") == expected)
    }

    /// Metals are desirable answers, fruits are not; each row has one answer.
    private func judged(_ tiny: TinyCheckpoint, _ loss: PreferenceOptions.LossType) throws -> TrainingConfiguration {
        var configuration = try configuration(tiny, loss)
        let text = (0..<24).map { index in
            let row: JSON = [
                "prompt": .string(["apple ", "plum ", "date fig "][index % 3]),
                "completion": .string(index % 2 == 0 ? "iron zinc" : ["pear", "lime fig", "cherry"][index / 2 % 3]),
                "label": .bool(index % 2 == 0),
            ]
            return row.serialized() + "\n"
        }.joined()
        configuration.data.trainFile = try tiny.write(text, to: "answers.jsonl")
        configuration.data.validationFile = configuration.data.trainFile
        return configuration
    }

    @Test func ktoLearnsFromAnswersThatAreJudgedAlone() async throws {
        let tiny = try TinyCheckpoint.llama()
        var configuration = try judged(tiny, .kto)
        configuration.training.numTrainEpochs = 10
        let run = try await observe(configuration)
        let (first, last) = (try #require(run.evaluations.first), try #require(run.evaluations.last))
        // Policy and reference are one, so that each answer costs half of its weight.
        #expect(abs(try #require(first.metrics["loss"]) - 0.5) < 1e-6)
        #expect(abs(try #require(run.steps.first).loss - 0.5) < 1e-6)
        #expect(try #require(last.metrics["rewards/chosen"]) > #require(last.metrics["rewards/rejected"]))
        #expect(try #require(last.metrics["rewards/accuracies"]) > 0.9)
        #expect(try #require(last.metrics["loss"]) < 0.5)
    }

    @Test func ktoIsNeitherGivenNorProposedBatchesOfOne() async throws {
        let tiny = try TinyCheckpoint.llama()
        var configuration = try judged(tiny, .kto)
        func refusal() async -> String {
            do {
                _ = try await TrainingRun(configuration)
                return "accepted"
            } catch { return "\(error)" }
        }
        configuration.training.perDeviceTrainBatchSize = 1
        #expect(await refusal().contains("needs at least 2"))
        configuration.training.perDeviceTrainBatchSize = 2
        configuration.training.memoryLimit = ByteCount(try await TrainingRun(configuration).forecast.memoryBytes - 1)
        configuration.training.perDeviceTrainBatchSize = 4
        let message = await refusal()
        #expect(message.contains("gradient_checkpointing: true"), "\(message)")
        #expect(!message.contains("per_device_train_batch_size: 1 "), "\(message)")
    }

    @Test func theWeightsOfKTOAreHeldAgainstTheNumbersOfAnswers() async throws {
        let tiny = try TinyCheckpoint.llama()
        var configuration = try judged(tiny, .kto)
        #expect(try await TrainingRun(configuration).warnings.allSatisfy { $0.code != "kto_balance" })
        configuration.preference.desirableWeight = 2
        let warnings = try await TrainingRun(configuration).warnings.filter { $0.code == "kto_balance" }
        #expect(warnings.first?.message.contains("to 1.33") == true)
    }

    @Test(arguments: [PreferenceOptions.LossType.dpo, .ipo, .orpo, .simpo])
    func lossesOfPairsRefuseAnswersThatAreJudgedAlone(loss: PreferenceOptions.LossType) async throws {
        let tiny = try TinyCheckpoint.llama()
        let error = await #expect(throws: TrainingError.self) {
            _ = try await TrainingRun(judged(tiny, loss))
        }
        #expect(error.map { "\($0)".contains("loss_type") } == true)
    }

    @Test func keysOfPreferencesAreReadAndWritten() throws {
        let source: JSON = [
            "model": "m", "task": "preference", "train_file": "t", "output_dir": "o", "loss_type": "simpo",
            "simpo_gamma": 0.5, "desirable_weight": 1.2, "max_prompt_length": 7, "chosen_column": "good",
        ]
        let read = try TrainingConfiguration(JSON.Node(source))
        #expect(read.preference.lossType == .simpo)
        #expect(read.preference.resolvedBeta == 2)
        #expect(read.data.maxPromptLength == 7)
        let again = try TrainingConfiguration(JSON.Node(read.json))
        #expect(again.preference == read.preference)
        #expect(again.data == read.data)
    }

    @Test(arguments: [("label_smoothing", JSON.double(0.5)), ("beta", -1), ("loss_type", "dppo"), ("simpo_gamma", -1)])
    func valuesThatCannotBeAreRefused(key: String, value: JSON) throws {
        var source = JSON.Object()
        for (key, text) in [("model", "m"), ("task", "preference"), ("train_file", "t"), ("output_dir", "o")] {
            source[key] = .string(text)
        }
        source[key] = value
        #expect(throws: TrainingError.self) { try TrainingConfiguration(JSON.Node(.object(source))) }
    }

    @Test func ktoNeedsTwoPairsABatch() async throws {
        let tiny = try TinyCheckpoint.llama()
        var configuration = try configuration(tiny, .kto)
        configuration.training.perDeviceTrainBatchSize = 1
        await #expect(throws: TrainingError.self) { _ = try await TrainingRun(configuration) }
    }
}
