import Foundation
import Graft
import Testing

@testable import Adapters

@Suite struct CompressionSearchTests {
    @Test func theBestCandidateIsFoundOnTheRows() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try tiny.classification("run")
        configuration.training.numTrainEpochs = 6
        configuration.training.learningRate = 2e-2
        try await observe(configuration)
        let (adapter, rows) = (
            URL(fileURLWithPath: tiny.path("run")),
            URL(fileURLWithPath: try tiny.classificationRows(20, offset: 100, to: "search.jsonl"))
        )
        var search = CompressionSearch()
        (search.densities, search.alphas) = ([0.5, 0.05], [3, 1])
        var seen = 0
        let found = try await search.run(adapter: adapter, base: tiny.model, on: rows) { _ in seen += 1 }
        #expect(seen == 4 && found.metric == "accuracy")
        #expect(found.trials.map(\.density) == [0.05, 0.05, 0.5, 0.5] && found.trials.map(\.alpha) == [1, 3, 1, 3])
        #expect(found.best.value == found.trials.map(\.value).max())
        #expect(found.trials.first { $0.value == found.best.value } == found.best)

        // A candidate is what compressing and decompressing with its numbers gives.
        var options = ComPEFT()
        (options.density, options.alpha) = (found.best.density, found.best.alpha)
        let (small, back) = (URL(fileURLWithPath: tiny.path("small")), URL(fileURLWithPath: tiny.path("back")))
        _ = try CompressedAdapter.compress(adapter, base: tiny.model, to: small, options: options)
        try CompressedAdapter.decompress(small, base: tiny.model, to: back)
        let model = try TrainedModel(folder: tiny.model, adapter: back)
        #expect(try await model.evaluate(rows).metrics["accuracy"] == found.best.value)
    }

    @Test func scalingIsCompressingWithAnotherAlpha() throws {
        let change = ComPEFT.Change(
            name: "a", start: try .zeros([40]), tuned: try .normal([40], key: RandomKey(seed: 3)))
        var options = ComPEFT()
        let plain = try options.compress([change])
        options.alpha = 4
        #expect(try plain.scaled(alpha: 4) == options.compress([change]))
    }
}
