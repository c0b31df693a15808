import Foundation
import Generation
import Graft
import JSON
import Testing

@testable import Methods
@testable import Training

@Suite struct Seq2SeqTrainingTests {
    private func configuration(
        _ checkpoint: TinyCheckpoint, _ output: String, method: any Methods.Method = LoRA()
    ) throws -> TrainingConfiguration {
        var configuration = TrainingConfiguration(
            model: checkpoint.model.path, data: try checkpoint.targetRows(), task: .seq2seq, method: method,
            outputDirectory: checkpoint.path(output))
        configuration.training.learningRate = 5e-3
        return configuration
    }

    @Test func aLossFallsAndTheAdapterIsReadBack() async throws {
        let checkpoint = try TinyCheckpoint.bart()
        var lora = LoRA()
        lora.targetModules = .allLinear
        var configuration = try configuration(checkpoint, "out", method: lora)
        configuration.training.learningRate = 2e-2
        configuration.data.validationFile = configuration.data.trainFile
        configuration.training.numTrainEpochs = 20
        configuration.training.evalStrategy = .epoch
        let run = try await observe(configuration)
        // Low-rank changes of random weights: the network stays mostly what it was drawn as.
        #expect(try #require(run.losses.last) < 0.75 * #require(run.losses.first))
        let last = try #require(run.evaluations.last?.metrics)
        let first = try #require(run.evaluations.first?.metrics)
        #expect(last.map(\.name).sorted() == ["exact_match", "loss", "perplexity", "token_accuracy"])
        #expect(try #require(last["token_accuracy"]) > #require(first["token_accuracy"]))

        let adapter = URL(fileURLWithPath: checkpoint.path("out"))
        #expect(try AdapterConfig(folder: adapter).taskType == "SEQ_2_SEQ_LM")
        let model = try TrainedModel(folder: checkpoint.model, adapter: adapter)
        #expect(model.task == .seq2seq)
        let again = try await model.evaluate(URL(fileURLWithPath: configuration.data.trainFile)).metrics
        #expect(try abs(#require(again["loss"]) - #require(last["loss"])) < 1e-5)
        #expect(try model.sources(of: URL(fileURLWithPath: configuration.data.trainFile)).count == 24)
    }

    @Test func aNewModelLearnsToCopyAndWritesWhatItsExactMatchesPromise() async throws {
        let checkpoint = try TinyCheckpoint.bart(size: 32, dropout: 0)
        var configuration = try configuration(checkpoint, "out", method: FullTuning())
        configuration.fromScratch = true
        configuration.data.trainFile = try checkpoint.copyRows(96)
        configuration.training.numTrainEpochs = 40
        configuration.training.learningRate = 6e-3
        let run = try await observe(configuration)
        #expect(run.losses.halve)
        let folder = URL(fileURLWithPath: checkpoint.path("out/base"))
        let model = try TrainedModel(folder: folder, adapter: URL(fileURLWithPath: checkpoint.path("out")))
        let file = URL(fileURLWithPath: try checkpoint.copyRows(24, to: "some.jsonl"))
        let metrics = try await model.evaluate(file).metrics
        let exact = try #require(metrics["exact_match"])
        #expect(exact > 0.3)

        let writer = try TargetGenerator(model.network, tokenizer: Tokenizer(contentsOf: folder), endTokens: [3])
        let sources = try model.sources(of: file)
        let written = try writer.generate(sources).map(\.text)
        let right = zip(sources, written).filter { $0 == $1 }.count
        #expect(abs(Double(right) / 24 - exact) < 1e-9)
    }

    @Test func aRunThatWasInterruptedEndsAsOneThatWasNot() async throws {
        let checkpoint = try TinyCheckpoint.bart()
        var configuration = try configuration(checkpoint, "out")
        configuration.training.numTrainEpochs = 2
        try await observe(configuration)
        try FileManager.default.moveItem(
            atPath: configuration.outputDirectory, toPath: configuration.outputDirectory + "-whole")
        for step in 1...4 {
            let run = try await TrainingRun(configuration, start: step == 1 ? .new : .resume)
            run.stop()
            #expect(try await observe(run).summary?.steps == step)
        }
        try await observe(configuration, start: .resume)
        #expect(try checkpoint.adapter("out") == checkpoint.adapter("out-whole"))
    }

    @Test func anAccumulatedStepIsThatOfOneBatch() async throws {
        let checkpoint = try TinyCheckpoint.bart(dropout: 0)
        var one = try configuration(checkpoint, "one")
        (one.training.perDeviceTrainBatchSize, one.training.maxSteps) = (24, 1)
        var several = try configuration(checkpoint, "several")
        (several.training.perDeviceTrainBatchSize, several.training.gradientAccumulationSteps) = (6, 4)
        several.training.maxSteps = 1
        let losses = (try await observe(one).losses, try await observe(several).losses)
        #expect(abs(losses.0[0] - losses.1[0]) < 1e-5)
    }

    @Test func modelsWithoutADecoderAndPackingAreRefused() async throws {
        let bert = try TinyCheckpoint.bert()
        var configuration = TrainingConfiguration(
            model: bert.model.path, data: try bert.targetRows(), task: .seq2seq, outputDirectory: bert.path("out"))
        await #expect(throws: (any Error).self) { try await TrainingSession.prepare(configuration) }
        let bart = try TinyCheckpoint.bart()
        configuration = try self.configuration(bart, "out")
        configuration.data.batching = .packing
        configuration.data.maxLength = 16
        await #expect(throws: TrainingError.self) { try await TrainingSession.prepare(configuration) }
    }

    @Test func aClassifierOfBARTTrainsWithItsHead() async throws {
        let checkpoint = try TinyCheckpoint.bart()
        var configuration = try checkpoint.classification("out")
        configuration.training.numTrainEpochs = 12
        let run = try await observe(configuration)
        #expect(run.losses.halve)
        let model = try TrainedModel(folder: checkpoint.model, adapter: URL(fileURLWithPath: checkpoint.path("out")))
        #expect(model.labels.sorted() == ["fruit", "metal"])
    }
}
