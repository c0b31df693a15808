import Foundation
import Graft
import OrderedCollections
import Testing

@Suite struct GraftMaskTests {
    private typealias Tensors = OrderedDictionary<String, Tensor>

    private func tensors(_ seed: Int) throws -> Tensors {
        [
            "w": try Tensor.normal([4, 3], key: RandomKey(seed: seed)),
            "b": try Tensor.normal([4], key: RandomKey(seed: -seed)),
        ]
    }

    private func mask(_ patch: Double, scores: Double = 0.5, bias: Double = 10) throws -> GraftMask {
        func full(_ value: Double) throws -> Tensors {
            ["w": try Tensor.full([4, 3], value), "b": try Tensor.full([4], value)]
        }
        return try GraftMask(
            pre: tensors(1), fine: tensors(2), base: full(patch), scores: full(scores), bias: bias)
    }

    @Test func allOnesAreTheFineTunedModelAndAllZerosTheOther() throws {
        for (patch, expected) in [(1.0, try tensors(2)), (0.0, try tensors(1))] {
            for (name, tensor) in try mask(patch).hardWeights() {
                #expect(try tensor.isEqual(to: #require(expected[name])))
            }
            #expect(try mask(patch).size() == (patch == 1 ? 16 : 0))
        }
    }

    @Test func withoutAStepTheGraftIsTheBasePatch() throws {
        var mask = try mask(0)
        let patch = try GraftMask.highestMovement(pre: tensors(1), fine: tensors(2), sparsity: 0.5)
        mask = try GraftMask(
            pre: tensors(1), fine: tensors(2), base: patch,
            scores: GraftMask.initialScores(like: patch, key: RandomKey(seed: 3)))
        // The threshold itself is not above the threshold.
        #expect(try mask.size() == 7)
        _ = try mask.step(batches: 2, rate: 0) { weights, _ in try #require(weights["w"]).sum() }
        for (name, bits) in try mask.hard() { #expect(try bits.isEqual(to: #require(patch[name]))) }
    }

    @Test func theStepIsTheGradientThroughTheSoftMask() throws {
        let (pre, fine) = (try tensors(1), try tensors(2))
        func loss(_ weights: Tensors) throws -> Tensor {
            try (#require(weights["w"]).pow(2).sum() + #require(weights["b"]).sin().sum())
        }
        for patch in [0.0, 1.0] {
            var mask = try mask(patch, scores: 0.8, bias: 1)
            let scores = try mask.scores.mapValues { try $0.clone().setRequiresGrad(true) }
            var soft = Tensors()
            for (name, score) in scores {
                let gate = try (score - 1).sigmoid() * (1 - 2 * patch) + patch
                soft[name] = try #require(pre[name]) + gate * (#require(fine[name]) - #require(pre[name]))
            }
            try loss(soft).backward()
            _ = try mask.step(batches: 1, rate: 0.5) { weights, _ in try loss(weights) }
            for (name, score) in scores {
                let expected = try score.detach() - #require(try score.grad) * 0.5
                #expect(try (expected - #require(mask.scores[name])).abs().amax().item() < 1e-6)
            }
        }
    }

    @Test func valuesOutsideAMaskAreRefused() throws {
        #expect(throws: LocalizationError.self) { try mask(2) }
        #expect(throws: LocalizationError.self) { try mask(-0.5) }
    }

    @Test func layersEmbeddingsAndHeadAreToldApart() {
        let names = ["m.embed.weight", "m.layer.0.w.weight", "m.layer.1.w.bias", "m.norm.weight"]
        var options = LocalizationOptions()
        #expect(options.graftable(names) == ["m.layer.0.w.weight", "m.layer.1.w.bias"])
        options.fixLayers = 1
        #expect(options.graftable(names) == ["m.layer.1.w.bias"])
        (options.fixLayers, options.fixEmbeddings, options.fixHead) = (0, false, false)
        #expect(options.graftable(names) == names)
        options.onlyBiases = true
        #expect(options.graftable(names) == ["m.layer.1.w.bias"])
    }
}

@Suite struct SkillLocalizationTests {
    @Test(arguments: LocalizationOptions.Others.allCases)
    func theWrittenDifferenceGivesTheGraftedModel(others: LocalizationOptions.Others) async throws {
        let tiny = try TinyCheckpoint.bert(dropout: 0)
        var configuration = try tiny.classification("run")
        configuration.training.numTrainEpochs = 6
        try await observe(configuration)
        let fine = tiny.root.appendingPathComponent("fine")
        _ = try Merger.merge(base: tiny.model, adapter: tiny.root.appendingPathComponent("run"), to: fine)

        var data = DataOptions()
        data.trainFile = configuration.data.trainFile
        data.validationFile = try tiny.classificationRows(12, offset: 100, to: "judged.jsonl")
        var options = LocalizationOptions()
        (options.sparsity, options.epochs, options.batches) = (0.2, 3, 4)
        options.othersFrom = others
        let localization = try await SkillLocalization(pre: tiny.model, fine: fine, data: data, options: options)
        var epochs: [SkillLocalization.Epoch] = []
        let outcome = try localization.run { epochs.append($0) }
        #expect(epochs.map(\.number) == [1, 2, 3])
        #expect(outcome.size > 0 && outcome.size < outcome.graftable)

        let file = tiny.root.appendingPathComponent("skill.safetensors")
        try outcome.difference.write(to: file, base: tiny.model)
        let grafted = tiny.root.appendingPathComponent("grafted")
        try SparseDifference(contentsOf: file, base: tiny.model).apply(to: tiny.model, writing: grafted)
        let accuracy = try await TrainedModel(folder: grafted)
            .evaluate(URL(fileURLWithPath: try #require(data.validationFile))).metrics["accuracy"]
        #expect(accuracy == outcome.accuracies.grafted)

        // Graftable weights are one of the two checkpoints' at every place.
        let name = "encoder.layer.0.attention.self.query.weight"
        func weights(_ folder: URL) throws -> [Float] {
            let files = try CheckpointFiles(folder: folder)
            return try files.tensor(#require(files.names.first { $0.hasSuffix(name) })).array()
        }
        let (before, after, result) = (try weights(tiny.model), try weights(fine), try weights(grafted))
        #expect(result.indices.allSatisfy { result[$0] == before[$0] || result[$0] == after[$0] })

        // Another base is refused.
        #expect(throws: DifferenceError.self) { try SparseDifference(contentsOf: file, base: fine) }
    }
}
