import Foundation
import Graft
import Testing

/// Full fine-tuning through files: the folder of its adapter, checkpoints of the run, merging.
@Suite struct FullTuningFolderTests {
    @Test func aNewModelIsTrainedMergedAndAdapted() async throws {
        let tiny = try TinyImages(hasWeights: false)
        var configuration = try tiny.classification("pretrained", method: FullTuning())
        configuration.fromScratch = true
        configuration.training.learningRate = 2e-3
        configuration.training.numTrainEpochs = 8
        configuration.data.labelNames = ["left", "right"]
        let observed = try await observe(configuration)
        #expect(observed.warnings.isEmpty)
        let output = URL(fileURLWithPath: configuration.outputDirectory)
        let merged = tiny.root.appendingPathComponent("merged")
        let report = try Merger.merge(base: output.appendingPathComponent("base"), adapter: output, to: merged)
        #expect(report.changed == report.tensors)
        #expect(report.absoluteDeviation == 0)

        // A plain checkpoint: nothing of the adapter is needed any more.
        let rows = try tiny.images(12, offset: 100, to: "test.safetensors")
        let test = URL(fileURLWithPath: rows)
        let adapted = try TrainedModel(folder: output.appendingPathComponent("base"), adapter: output)
        let plain = try TrainedModel(folder: merged)
        #expect(plain.labels == ["left", "right"])
        #expect(try await plain.evaluate(test).metrics == adapted.evaluate(test).metrics)

        var lora = try tiny.classification("adapted")
        lora.model = merged.path
        lora.training.maxSteps = 2
        #expect(try await observe(lora).summary?.outcome == .completed)
    }

    @Test func aRunThatWasInterruptedEndsAsOneThatWasNot() async throws {
        let tiny = try TinyImages(hasWeights: false)
        var configuration = try tiny.classification("run", method: FullTuning())
        configuration.fromScratch = true
        configuration.training.maxSteps = 6
        try await expectExactResume(configuration, interruptedAfter: 2)
    }
}
