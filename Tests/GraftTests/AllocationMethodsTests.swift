import Foundation
import Graft
import JSON
import Testing

@testable import Methods
@testable import Training

/// Methods that change what is trained while it is trained: they survive an interruption, and their files.
@Suite struct AllocationMethodsTests {
    private typealias Course = LifecycleTests.Course

    /// Methods whose every phase falls into six steps, by the names of the tests.
    static let names = ["adalora", "increlora", "increlora-plain", "lisa-keep", "lisa-reset", "spiel-ag", "spiel-ma"]

    static func method(_ name: String) -> any Methods.Method {
        switch name {
        case "adalora":
            var method = AdaLoRA()
            (method.initR, method.targetR, method.tinit, method.tfinal, method.loraDropout) = (4, 2, 1, 2, 0.1)
            return method
        case "increlora", "increlora-plain":
            var method = IncreLoRA()
            (method.targetRank, method.increRankNum, method.topH, method.initWarmup, method.increInterval) = (
                3, 2, 2, 0, 1
            )
            method.advanceLearn = name == "increlora"
            return method
        case "lisa-keep", "lisa-reset":
            var method = LISA()
            (method.activatedLayers, method.intervalSteps) = (1, 2)
            method.statePolicy = name == "lisa-keep" ? .keep : .reset
            return method
        default:
            var method = SpIEL()
            (method.numTunableWeights, method.reselectionSteps, method.selectionAccumulationSteps) = (90, 3, 1)
            method.selectionAlgorithm = name == "spiel-ag" ? .rigl : .sm3
            return method
        }
    }

    private func configuration(_ tiny: TinyCheckpoint, _ name: String) throws -> TrainingConfiguration {
        var configuration = try tiny.classification("run", method: Self.method(name))
        configuration.training.maxSteps = 6
        configuration.training.perDeviceTrainBatchSize = 8
        configuration.training.gradientAccumulationSteps = 2
        configuration.training.weightDecay = 0.01
        return configuration
    }

    @Test(arguments: names)
    func anInterruptionAfterAnyStepChangesNothing(name: String) async throws {
        let tiny = try TinyCheckpoint.bert()
        let configuration = try configuration(tiny, name)
        var whole = try await Course(configuration)
        try whole.run(0..<6)
        let expected = try whole.values()
        for interruption in 1..<6 {
            var first = try await Course(configuration)
            try first.run(0..<interruption)
            var second = try await first.reborn(configuration, through: URL(fileURLWithPath: tiny.path("state")))
            try second.run(interruption..<6)
            #expect(try second.values() == expected, "\(name), after step \(interruption)")
            #expect(second.losses == whole.losses)
        }
    }

    @Test(arguments: names)
    func theFileComputesWhatWasTrainedAndSoDoesTheMerge(name: String) async throws {
        let tiny = try TinyCheckpoint.bert()
        let configuration = try configuration(tiny, name)
        var course = try await Course(configuration)
        try course.run(0..<6)
        let folder = URL(fileURLWithPath: tiny.path("adapter"))
        try course.session.writeAdapter(to: folder)
        let input = ModelInput(inputIDs: try Tensor([Int64]([2, 5, 6, 3, 2, 12, 14, 3]), shape: [2, 4]))
        let trained = try #require(try course.session.model(input).logits?.array(of: Float.self))

        let base = try Backbones.load(tiny.model, head: .sequenceClassification(labels: 2), options: .init(seed: 42))
        let plain = try #require(try base.model(input).logits?.array(of: Float.self))
        try AdapterFolder.load(from: folder, onto: base, checkpoint: tiny.model)
        let read = try #require(try base.model(input).logits?.array(of: Float.self))
        #expect(distance(read, trained) <= 1e-6)
        #expect(distance(read, plain) > 1e-3)
        try base.model.merge()
        let merged = try #require(try base.model(input).logits?.array(of: Float.self))
        #expect(distance(merged, trained) <= 1e-5)
        try base.model.activate([])
        let again = try #require(try base.model(input).logits?.array(of: Float.self))
        #expect(again == plain)
    }

    private func distance(_ a: [Float], _ b: [Float]) -> Float {
        a.count == b.count ? zip(a, b).map { abs($0 - $1) }.max() ?? 0 : .infinity
    }

    // MARK: AdaLoRA

    @Test func theFileOfAdaLoRAHoldsTheTripletsInUse() async throws {
        let tiny = try TinyCheckpoint.bert()
        var course = try await Course(configuration(tiny, "adalora"))
        try course.run(0..<6)
        let folder = URL(fileURLWithPath: tiny.path("adapter"))
        try course.session.writeAdapter(to: folder)
        let config = try JSON.Node(contentsOf: folder.appendingPathComponent("adapter_config.json"))
        let masks = try config.field("rank_pattern").members().map { try $0.node.elements().map { try $0.bool() } }
        #expect(masks.count == 4 && masks.allSatisfy { $0.count == 4 })
        // Two of four triplets on average.
        #expect(masks.joined().count { $0 } == 8)
        let file = try SafetensorsFile(folder.appendingPathComponent(AdapterFolder.weightsName))
        let rows = try file.names.filter { $0.hasSuffix("lora_A") }.map { try file.tensor($0).shape[0] }
        #expect(rows.reduce(0, +) == 8)
        #expect(try config.field("total_step").int() > 0)
    }

    // MARK: LISA

    @Test func onlyTheDrawnBlocksChangeAndTheOthersAreNotCopied() async throws {
        let tiny = try TinyCheckpoint.bert()
        var course = try await Course(configuration(tiny, "lisa-reset"))
        let model = course.session.model
        for step in 0..<6 {
            let before = try course.values()
            try course.run(step..<(step + 1))
            let after = try course.values()
            // The first rate of the warm-up is not 0 here: what can change does.
            let changed = model.blocks.keys.filter { block in
                after.contains { $0.key.hasPrefix(block + ".") && $0.value != before[$0.key] }
            }
            #expect(changed.count == 1, "step \(step)")
            let active = course.session.trainables.groups.filter(\.isActive).map(\.name)
            #expect(active == ["always"] + changed)
        }
        // Both blocks were drawn by now, or one is still the base's.
        let visited = Set(course.session.trainables.groups.filter { $0.values != nil }.map(\.name))
        for variable in course.session.grafts.variables {
            let base = try #require(model.parameters[variable.name]?.base)
            let isVisited = model.blocks.keys.first { variable.name.hasPrefix($0 + ".") }.map(visited.contains) ?? true
            #expect(try variable.value.sharesMemory(with: base) == !isVisited)
        }
    }

    @Test func allBlocksTogetherAreFullTuning() async throws {
        let tiny = try TinyCheckpoint.bert(dropout: 0)
        var method = LISA()
        (method.activatedLayers, method.intervalSteps, method.statePolicy) = (2, 1, .keep)
        var configuration = try configuration(tiny, "lisa-keep")
        configuration.method = method
        var sampled = try await Course(configuration)
        try sampled.run(0..<4)
        method.intervalSteps = 1000
        configuration.method = method
        var full = try await Course(configuration)
        try full.run(0..<4)
        #expect(try sampled.values() == full.values())
    }

    @Test func momentsAreHeldForTheActiveBlocksOnlyUnlessTheyAreKept() async throws {
        let tiny = try TinyCheckpoint.bert()
        for (name, mayGrow) in [("lisa-reset", false), ("lisa-keep", true)] {
            var course = try await Course(configuration(tiny, name))
            try course.run(0..<6)
            let groups = course.session.trainables.groups
            let held = try groups.flatMap(\.variables).reduce(0) { sum, variable in
                try sum + course.session.trainables.moments(of: variable).values.reduce(0) { try $0 + $1.count }
            }
            let active = groups.filter { mayGrow ? $0.values != nil : $0.isActive }.reduce(0) { $0 + 2 * $1.count }
            #expect(held == active)
        }
    }

    @Test func eachBlockIsDrawnAsOftenAsTheOthers() throws {
        var method = LISA()
        (method.activatedLayers, method.intervalSteps) = (2, 1)
        let blocks = (0..<5).map { "blocks.\($0)" }
        let variables = try blocks.map { try Variable("\($0).weight", .zeros([1])) }
        let sampling = LayerSampling(method, blocks: blocks)
        let trainables = try Trainables(sampling.groups(of: variables), optimizer: AdamW())
        let tiny = try TinyCheckpoint.bert()
        let model = try Backbones.load(tiny.model).model
        var counts = [0, 0, 0, 0, 0]
        for step in 0..<1000 {
            try sampling.stepWillBegin(
                StepMoment(
                    step: step, totalSteps: 1000, epoch: 0, key: RandomKey(seed: 1).derived(step), learningRate: 0,
                    trainables: trainables, model: model))
            for (index, group) in trainables.groups.enumerated() where group.isActive { counts[index] += 1 }
        }
        #expect(counts.reduce(0, +) == 2000)
        // 400 each, with a standard deviation of 15.
        #expect(counts.allSatisfy { (330...470).contains($0) }, "\(counts)")
    }
}
