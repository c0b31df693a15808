import Foundation
import Graft
import JSON
import Testing

@testable import Training

@Suite struct FullTuningTests {
    private func configuration(_ tiny: TinyImages, fromScratch: Bool) throws -> TrainingConfiguration {
        var configuration = try tiny.classification("run", method: FullTuning())
        configuration.fromScratch = fromScratch
        configuration.training.learningRate = 2e-3
        configuration.training.numTrainEpochs = 6
        configuration.training.saveStrategy = .no
        return configuration
    }

    /// Trains in memory, without files.
    private func train(_ session: TrainingSession) throws -> [Double] {
        var losses: [Double] = []
        let loop = TrainingLoop(session, progress: TrainingProgress(), isCancelled: { false }) { event in
            if case .step(let step) = event { losses.append(step.loss) }
        }
        #expect(try loop.run() == .completed)
        return losses
    }

    @Test func everyParameterLearnsAndTheBaseStays() async throws {
        let tiny = try TinyImages()
        let session = try await TrainingSession.prepare(configuration(tiny, fromScratch: false))
        #expect(session.grafts.parameters.keys == session.model.parameters.keys)
        let before = try session.model.parameters.values.map { try $0.base.clone() }
        let losses = try train(session)
        #expect(losses.halve)
        for (parameter, base) in zip(session.model.parameters.values, before) {
            #expect(try parameter.base.isEqual(to: base))
            // A key's bias shifts all scores of a row alike: the gradient is zero but for rounding.
            guard !parameter.name.hasSuffix("k_proj.bias") else { continue }
            #expect(try !parameter.value.isEqual(to: base), "\(parameter.name)")
        }
    }

    @Test func aFreshOneComputesTheBaseAndMergingComputesTheSame() throws {
        let tiny = try TinyImages()
        let model = try Backbones.load(tiny.model, head: .imageClassification(labels: 2)).model
        let input = ModelInput(pixelValues: try Tensor(TinyImages.pixels(3), shape: [1, 1, 4, 6]))
        let scores = { try withoutGradients { try #require(model(input).logits) } }
        let base = try scores()
        let grafts = try FullTuning().grafts(for: model, key: RandomKey(seed: 1))
        try model.add(grafts, named: "full")
        #expect(try scores().isEqual(to: base))
        for variable in grafts.variables { try variable.load(variable.value.detach() * 1.5) }
        let tuned = try scores()
        #expect(try !tuned.isEqual(to: base))
        try model.merge()
        #expect(try scores().isEqual(to: tuned))
        try model.unmerge()
        try model.remove("full")
        #expect(try scores().isEqual(to: base))
    }

    @Test func optionsAreRefused() throws {
        #expect(throws: (any Error).self) {
            _ = try MethodConfiguration(JSON.Node(["name": "full", "r": 8]))
        }
        let read = try MethodConfiguration(JSON.Node("full"))
        #expect(read.method is FullTuning)
        #expect(try read.json == ["name": "full"])
    }

    @Test func aNewModelLearnsFromItsConfigurationAlone() async throws {
        let tiny = try TinyImages(hasWeights: false)
        var configuration = try configuration(tiny, fromScratch: true)
        configuration.training.numTrainEpochs = 12
        let session = try await TrainingSession.prepare(configuration)
        #expect(session.fromScratchWarnings.isEmpty)
        let losses = try train(session)
        #expect(losses.halve)
    }

    @Test func theStartOfANewModelIsACheckpointThatOtherSeedsDoNotHave() async throws {
        let tiny = try TinyImages(hasWeights: false)
        var configuration = try configuration(tiny, fromScratch: true)
        configuration.data.labelNames = ["left", "right"]
        let session = try await TrainingSession.prepare(configuration)
        try session.writeNewBase()
        let written = try Backbones.load(URL(fileURLWithPath: configuration.basePath))
        #expect(written.newParameters.isEmpty)
        #expect(written.head == .imageClassification(labels: 2))
        #expect(try written.config.labelNames == ["left", "right"])
        for (name, parameter) in session.model.parameters {
            #expect(try written.model.parameters[name]?.base.isEqual(to: parameter.base) == true)
        }
        let digest = try session.digests.base(session, URL(fileURLWithPath: configuration.basePath))
        #expect(digest != nil)
        configuration.training.seed = 43
        let other = try await TrainingSession.prepare(configuration)
        let name = "vit.layers.0.attention.q_proj.weight"
        let (first, second) = (session.model.parameters[name], other.model.parameters[name])
        #expect(try first?.base.isEqual(to: #require(second).base) == false)
    }

    @Test func aNewModelWithAnAdapterGoesToItsFolderAndBack() async throws {
        let tiny = try TinyImages()
        var configuration = try tiny.classification("run")
        configuration.fromScratch = true
        configuration.training.numTrainEpochs = 1
        let observed = try await observe(configuration)
        #expect(observed.warnings.map(\.code) == ["weights_unused", "random_frozen"])
        let output = URL(fileURLWithPath: configuration.outputDirectory)
        let base = output.appendingPathComponent("base")
        let model = try TrainedModel(folder: base, adapter: output)
        let again = try await model.evaluate(URL(fileURLWithPath: configuration.data.trainFile))
        #expect(again.metrics["loss"]?.isFinite == true)
        // The checkpoint's own weights are others.
        #expect(throws: AdapterError.self) { _ = try TrainedModel(folder: tiny.model, adapter: output) }
        // A run that replaces this one draws its own start.
        configuration.training.seed = 43
        let before = try Data(contentsOf: base.appendingPathComponent("model.safetensors"))
        _ = try await observe(configuration, start: .overwrite)
        #expect(try Data(contentsOf: base.appendingPathComponent("model.safetensors")) != before)
    }

    @Test func aNewModelOfTextsHasItsTokenizerBesideIt() async throws {
        let tiny = try TinyCheckpoint.bert()
        try FileManager.default.removeItem(at: tiny.model.appendingPathComponent("model.safetensors"))
        var configuration = try tiny.classification("run")
        configuration.fromScratch = true
        configuration.training.maxSteps = 2
        let observed = try await observe(configuration)
        let output = URL(fileURLWithPath: configuration.outputDirectory)
        let model = try TrainedModel(folder: output.appendingPathComponent("base"), adapter: output)
        #expect(model.labels == ["fruit", "metal"])
        let again = try await model.evaluate(URL(fileURLWithPath: configuration.data.trainFile))
        #expect(again.metrics["loss"]?.isFinite == true)
        #expect(observed.summary?.nextCommands.contains { $0.command.contains("--model \(output.path)/base") } == true)
    }

    @Test func aFolderInThePlaceOfTheStartIsNotTouched() async throws {
        let tiny = try TinyImages()
        var configuration = try tiny.classification("run")
        configuration.training.maxSteps = 1
        let mine = URL(fileURLWithPath: configuration.outputDirectory).appendingPathComponent("base/mine.txt")
        try FileManager.default.createDirectory(
            at: mine.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data("mine".utf8).write(to: mine)
        configuration.fromScratch = true
        let refused = configuration
        await #expect { _ = try await TrainingRun(refused) } throws: { "\($0)".contains("base exists already") }
        // A run that has weights writes no start and removes none.
        configuration.fromScratch = false
        _ = try await observe(configuration)
        _ = try await observe(configuration, start: .overwrite)
        #expect(try String(contentsOf: mine, encoding: .utf8) == "mine")
    }

    @Test func aRunThatDiedBeforeItsFirstCheckpointWritesItsStartAgain() async throws {
        let tiny = try TinyImages(hasWeights: false)
        var configuration = try tiny.classification("run")
        configuration.fromScratch = true
        configuration.training.maxSteps = 1
        let session = try await TrainingSession.prepare(configuration)
        try session.writeNewBase()
        configuration.training.seed = 43
        _ = try await observe(configuration, start: .resume)
        let output = URL(fileURLWithPath: configuration.outputDirectory)
        // The digest of the base is that of the start that the run began with.
        _ = try TrainedModel(folder: output.appendingPathComponent("base"), adapter: output)
    }
}
