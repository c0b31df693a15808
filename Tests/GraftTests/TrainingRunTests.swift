import Foundation
import Graft
import JSON
import Testing

@Suite struct TrainingRunTests {
    @Test func eightRowsAtOnceAreEightBatchesOfOneRow() async throws {
        let tiny = try TinyCheckpoint.llama()
        var together = try tiny.completion("together")
        together.data.batching = .random
        together.training.weightDecay = 0.01
        var single = together
        single.outputDirectory = tiny.path("single")
        single.training.perDeviceTrainBatchSize = 1
        single.training.gradientAccumulationSteps = 8

        let expected = try await observe(together)
        let found = try await observe(single)
        #expect(expected.steps.count == 9)
        // Rows differ in length: padding here, none there, and the same number of labels.
        #expect(expected.steps.contains { ($0.paddingTokens ?? 0) > 0 })
        #expect(found.steps.allSatisfy { $0.paddingTokens == 0 })
        #expect(found.steps.map(\.labelledTokens) == expected.steps.map(\.labelledTokens))
        for (step, reference) in zip(found.steps, expected.steps) {
            #expect(abs(step.loss - reference.loss) < 1e-5)
            #expect(abs((step.gradientNorm ?? 0) - (reference.gradientNorm ?? 1)) < 1e-4)
        }
        #expect(try tiny.distance("single", "together") < 1e-4)
    }

    @Test func theProbeTakesTheStepsOfTheRun() async throws {
        let tiny = try TinyCheckpoint.bert()
        var together = try tiny.classification("together")
        together.data.batching = .random
        together.training.linearProbe = true
        together.data.testFile = try tiny.classificationRows(12, offset: 100, to: "test.jsonl")
        var parts = together
        parts.outputDirectory = tiny.path("parts")
        parts.training.perDeviceTrainBatchSize = 2
        parts.training.gradientAccumulationSteps = 4
        let expected = try #require(try await observe(together).summary?.baselines.first)
        let found = try #require(try await observe(parts).summary?.baselines.first)
        #expect(found.name == "linear_probe")
        #expect(abs((found.metrics["loss"] ?? 0) - (expected.metrics["loss"] ?? 1)) < 1e-5)
    }

    @Test func packedRowsLearnWhatSeparateRowsDo() async throws {
        let tiny = try TinyCheckpoint.llama()
        var separate = try tiny.completion("separate")
        separate.data.batching = .random
        separate.data.maxLength = 40
        // All rows in one step, since the two ways order them differently.
        separate.training.perDeviceTrainBatchSize = 64
        separate.training.maxSteps = 3
        var packed = separate
        packed.data.batching = .packing
        packed.outputDirectory = tiny.path("packed")

        let expected = try await observe(separate)
        let found = try await observe(packed)
        let (one, other) = (try #require(found.steps.first), try #require(expected.steps.first))
        #expect(one.tokens == other.tokens)
        #expect(one.labelledTokens == other.labelledTokens)
        #expect((one.paddingTokens ?? .max) < (other.paddingTokens ?? 0) / 2)
        for (step, reference) in zip(found.steps, expected.steps) {
            #expect(abs(step.loss - reference.loss) < 1e-5)
        }
        #expect(try tiny.distance("packed", "separate") < 1e-4)
    }

    @Test func aRunWithoutProgressStopsEarly() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try tiny.classification("run")
        configuration.data.validationFile = try tiny.classificationRows(12, offset: 100, to: "validation.jsonl")
        configuration.training.numTrainEpochs = 20
        // Nothing moves, so the first evaluation is the best.
        configuration.training.learningRate = 1e-30
        configuration.training.earlyStoppingPatience = 2
        let observed = try await observe(configuration)
        #expect(observed.summary?.outcome == .stoppedEarly)
        #expect(observed.summary?.steps == 15)
        #expect(observed.evaluations.map(\.step) == [0, 5, 10, 15])
        #expect(observed.evaluations.map(\.isBest) == [false, true, false, false])
    }

    @Test func theBestAdapterIsKeptAndJudged() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try tiny.classification("run")
        configuration.data.validationFile = try tiny.classificationRows(12, offset: 100, to: "validation.jsonl")
        configuration.training.numTrainEpochs = 4
        configuration.training.loadBestModelAtEnd = true
        // The highest loss as the best: the loss falls, so that is the first evaluation and not the last.
        configuration.training.metricForBestModel = "eval_loss"
        configuration.training.greaterIsBetter = true
        configuration.training.saveTotalLimit = 1
        let observed = try await observe(configuration)
        let best = try #require(
            observed.evaluations.filter { $0.step > 0 }.max { $0.metrics["loss"] ?? 0 < $1.metrics["loss"] ?? 0 })
        #expect(best.step < 20)
        #expect(observed.summary?.bestStep == best.step)
        #expect(observed.summary?.metrics == best.metrics)
        #expect(try tiny.adapter("run") == tiny.adapter("run/checkpoint-\(best.step)"))
        #expect(try tiny.adapter("run") != tiny.adapter("run/checkpoint-20"))
    }

    @Test func onlyTheNewestCheckpointsStay() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try tiny.classification("run")
        configuration.training.saveStrategy = .steps
        configuration.training.saveSteps = 3
        configuration.training.saveTotalLimit = 2
        _ = try await observe(configuration)
        let names = try FileManager.default.contentsOfDirectory(atPath: configuration.outputDirectory)
        #expect(names.filter { $0.hasPrefix("checkpoint-") }.sorted() == ["checkpoint-12", "checkpoint-15"])
        #expect(!names.contains { $0.hasPrefix(".") })
    }

    @Test func theFolderHoldsTheWholeRun() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try tiny.classification("run")
        configuration.data.testFile = try tiny.classificationRows(12, offset: 200, to: "test.jsonl")
        configuration.training.linearProbe = true
        let observed = try await observe(configuration)
        let folder = RunFolder(URL(fileURLWithPath: configuration.outputDirectory))
        let result = try JSON.Node(contentsOf: folder.resultFile)
        let keys = [
            "accuracy", "linear_probe_accuracy", "seconds", "trainable_parameters", "peak_memory_mib",
        ]
        for key in keys { #expect(try result.field(key).double() >= 0) }
        #expect(try result.field("accuracy").double() == observed.summary?.metrics["accuracy"])
        #expect(try folder.readDescription().0.totalSteps == 15)
        // The configuration that is kept reads back as the one that ran.
        let kept = try TrainingConfiguration(JSON.Node(contentsOf: folder.configurationFile))
        #expect(try kept.json == configuration.json)
        #expect(FileManager.default.fileExists(atPath: folder.reportFile.path))
    }
}

// MARK: The output folder

extension TrainingRunTests {
    private func short(_ tiny: TinyCheckpoint, _ output: String = "run") throws -> TrainingConfiguration {
        var configuration = try tiny.classification(output)
        configuration.training.maxSteps = 1
        return configuration
    }

    @Test func aFolderWithARunIsNotWrittenTo() async throws {
        let tiny = try TinyCheckpoint.bert()
        let configuration = try short(tiny)
        _ = try await observe(configuration)
        let before = try tiny.adapter("run")
        await #expect {
            _ = try await TrainingRun(configuration)
        } throws: { error in
            "\(error)".contains("already holds a run")
        }
        #expect(try tiny.adapter("run") == before)
    }

    @Test func overwritingRemovesTheRunAndNothingElse() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try short(tiny)
        _ = try await observe(configuration)
        try tiny.write("mine", to: "run/notes.txt")
        configuration.training.maxSteps = 2
        configuration.training.saveStrategy = .no
        let observed = try await observe(configuration, start: .overwrite)
        #expect(observed.summary?.steps == 2)
        let names = try FileManager.default.contentsOfDirectory(atPath: configuration.outputDirectory).sorted()
        #expect(names.contains("notes.txt"))
        #expect(!names.contains("checkpoint-1"))
        #expect(try loggedSteps(configuration.outputDirectory).map(\.step) == [1, 2])
    }

    @Test func aFaultFoundBeforeTheRunLeavesTheEarlierOne() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try short(tiny)
        _ = try await observe(configuration)
        let before = try tiny.adapter("run")
        var lora = LoRA()
        lora.targetModules = .list(["qery"])
        configuration.method = lora
        let faulty = configuration
        await #expect {
            _ = try await observe(faulty, start: .overwrite)
        } throws: { error in
            "\(error)".contains("`qery`") && "\(error)".contains("`query`")
        }
        #expect(try tiny.adapter("run") == before)
    }

    @Test func anOutputThatIsAFileIsRefused() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try short(tiny)
        configuration.outputDirectory = try tiny.write("mine", to: "file")
        let faulty = configuration
        await #expect(throws: TrainingError.self) { _ = try await TrainingRun(faulty) }
        #expect(try String(contentsOfFile: tiny.path("file"), encoding: .utf8) == "mine")
    }

    @Test func aRunThatFailsSaysSoInItsFolder() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try short(tiny)
        configuration.training.saveStrategy = .no
        // A folder in the place of the adapter's configuration: only the end of the run finds it.
        let obstacle = configuration.outputDirectory + "/adapter_config.json"
        try FileManager.default.createDirectory(atPath: obstacle, withIntermediateDirectories: true)
        let run = try await TrainingRun(configuration, start: .resume)
        var observed = ObservedRun()
        do {
            for try await event in run.events() { observed.consume(event) }
            Issue.record("a file cannot take a folder's place")
        } catch {
            #expect("\(error)".contains("adapter_config.json"))
            #expect(observed.summary?.outcome == .failed("\(error)"))
        }
        let summary = try RunFolder(URL(fileURLWithPath: configuration.outputDirectory)).readSummary()
        #expect(summary?.outcome == observed.summary?.outcome)
    }

    @Test func aTrainingThatDivergesEndsWithASentence() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try tiny.classification("run")
        configuration.training.learningRate = 1e38
        configuration.training.maxGradNorm = 0
        configuration.training.optim = .sgd
        let run = try await TrainingRun(configuration)
        var observed = ObservedRun()
        do {
            for try await event in run.events() { observed.consume(event) }
            Issue.record("a rate of 1e38 must diverge")
        } catch {
            #expect("\(error)".contains("at step"))
            #expect("\(error)".contains("lower learning_rate"))
        }
        #expect(observed.summary?.outcome == .diverged)
        #expect(!FileManager.default.fileExists(atPath: configuration.outputDirectory + "/adapter_config.json"))
    }

    @Test func resumingANewFolderBeginsThere() async throws {
        let tiny = try TinyCheckpoint.bert()
        let observed = try await observe(short(tiny), start: .resume)
        #expect(observed.warnings.contains { $0.code == "nothing_to_resume" })
        #expect(observed.summary?.outcome == .completed)
    }
}

// MARK: What is refused before any training

extension TrainingRunTests {
    /// The sentence of the error that a configuration gives, and that nothing was written.
    private func refusal(_ configuration: TrainingConfiguration) async -> String {
        do {
            _ = try await TrainingRun(configuration)
            return "accepted"
        } catch {
            #expect(!FileManager.default.fileExists(atPath: configuration.outputDirectory))
            return "\(error)"
        }
    }

    @Test func weightsThatAreNotNumbersAreRefused() async throws {
        let tiny = try TinyCheckpoint.bert()
        let url = tiny.model.appendingPathComponent("model.safetensors")
        let file = try SafetensorsFile(url)
        let tensors = try file.names.map { name in
            let tensor = try file.tensor(name)
            guard name.hasSuffix("layer.1.output.dense.weight") else { return (name: name, tensor: try tensor.clone()) }
            var values: [Float] = try tensor.array()
            values[17] = .nan
            return (name: name, tensor: try Tensor(values, shape: tensor.shape))
        }
        try SafetensorsWriter.write(tensors, to: url)
        let message = await refusal(try short(tiny))
        #expect(message.contains("layer.1.output.dense.weight") && message.contains("NaN"))
    }

    @Test func aMetricThatDoesNotExistIsRefused() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try short(tiny)
        configuration.data.validationFile = configuration.data.trainFile
        configuration.training.metricForBestModel = "eval_acuracy"
        let message = await refusal(configuration)
        #expect(message.contains("acuracy") && message.contains("nearest is `accuracy`"))
    }

    @Test func choosingTheBestNeedsRowsToJudgeBy() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try short(tiny)
        configuration.training.loadBestModelAtEnd = true
        #expect(await refusal(configuration).hasPrefix("load_best_model_at_end"))
        configuration.training.loadBestModelAtEnd = false
        configuration.training.earlyStoppingPatience = 1
        #expect(await refusal(configuration).hasPrefix("early_stopping_patience"))
    }

    @Test func packingIsForLanguageModels() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try short(tiny)
        configuration.data.batching = .packing
        configuration.data.maxLength = 32
        #expect(await refusal(configuration).hasPrefix("batching"))
    }

    @Test func valuesThatCannotBeAreRefused() async throws {
        let tiny = try TinyCheckpoint.bert()
        let edits: [(String, (inout TrainingArguments) -> Void)] = [
            ("learning_rate", { $0.learningRate = -1 }), ("learning_rate", { $0.learningRate = .nan }),
            ("num_train_epochs", { $0.numTrainEpochs = 0 }), ("num_train_epochs", { $0.numTrainEpochs = .infinity }),
            ("max_steps", { $0.maxSteps = 0 }), ("warmup_ratio", { $0.warmupRatio = 1.5 }),
            ("per_device_train_batch_size", { $0.perDeviceTrainBatchSize = 0 }),
            ("gradient_accumulation_steps", { $0.gradientAccumulationSteps = 0 }),
            ("weight_decay", { $0.weightDecay = .infinity }), ("momentum", { $0.momentum = -0.5 }),
            ("momentum", { $0.momentum = .nan }), ("adam_beta1", { $0.adamBeta1 = 1 }),
            ("adam_epsilon", { $0.adamEpsilon = .infinity }), ("max_grad_norm", { $0.maxGradNorm = .nan }),
            ("save_total_limit", { $0.saveTotalLimit = 0 }), ("threads", { $0.threads = 0 }),
            ("early_stopping_threshold", { $0.earlyStoppingThreshold = .nan }),
        ]
        for (key, edit) in edits {
            var configuration = try short(tiny)
            edit(&configuration.training)
            let message = await refusal(configuration)
            #expect(message.hasPrefix(key), "\(key): \(message)")
        }
    }
}
