import Foundation
import Graft
import JSON
import Testing

@testable import Methods
@testable import Training

/// What a method may do while it is trained, and that all of it survives an interruption.
@Suite struct LifecycleTests {
    /// A session that is stepped by hand: no adapter is written, so that any method will do.
    struct Course {
        let session: TrainingSession
        var position = BatchPosition()
        var losses: [Double] = []
        var penalties: [Double?] = []

        init(_ configuration: TrainingConfiguration) async throws {
            session = try await TrainingSession.prepare(configuration)
        }

        mutating func run(_ steps: Range<Int>) throws {
            for step in steps {
                var batches = session.loader.batches(from: position)
                let count = min(2, session.loader.batchesPerEpoch - position.batch)
                let parts = try (0..<count).compactMap { _ in try batches.nextBatch() }
                let outcome = try TrainingStep(session, parts, step: step, epoch: position.epoch)
                    .run(startsEpoch: position.batch == 0)
                losses.append(outcome.loss)
                penalties.append(outcome.penalty)
                position = batches.position
                if position.batch >= session.loader.batchesPerEpoch {
                    position = BatchPosition(epoch: position.epoch + 1)
                }
            }
        }

        /// The state through a file and back, in a session of its own.
        func reborn(_ configuration: TrainingConfiguration, through file: URL) async throws -> Course {
            let state = try session.state()
            try SafetensorsWriter.write(state.tensors, metadata: [:], to: file)
            var other = try await Course(configuration)
            try other.session.restore(
                SafetensorsFile(file), trainables: JSON.Node(JSON.parse(state.trainables.serialized())),
                method: JSON.Node(JSON.parse(state.method.serialized())))
            other.position = position
            other.losses = losses
            return other
        }

        var life: EveryHook? { session.lifecycle as? EveryHook }

        func values() throws -> [String: [Float]] {
            try Dictionary(
                uniqueKeysWithValues: session.grafts.variables.map { ($0.name, try $0.value.detach().array()) })
        }
    }

    private func configuration(_ tiny: TinyCheckpoint, step: String) throws -> TrainingConfiguration {
        var method = LifecycleMethod()
        method.step = step
        var configuration = try tiny.classification("run", method: method)
        configuration.training.maxSteps = 6
        configuration.training.perDeviceTrainBatchSize = 8
        configuration.training.gradientAccumulationSteps = 2
        configuration.training.weightDecay = 0.01
        return configuration
    }

    @Test(arguments: ["hooks", "forward", "twice"])
    func anInterruptionAfterAnyStepChangesNothing(step: String) async throws {
        let tiny = try TinyCheckpoint.bert()
        let configuration = try configuration(tiny, step: step)
        var whole = try await Course(configuration)
        let start = try whole.values()
        try whole.run(0..<6)
        let expected = try whole.values()
        #expect(expected != start)
        for interruption in 1..<6 {
            var first = try await Course(configuration)
            try first.run(0..<interruption)
            var second = try await first.reborn(configuration, through: URL(fileURLWithPath: tiny.path("state")))
            try second.run(interruption..<6)
            #expect(try second.values() == expected, "\(step), after step \(interruption)")
            #expect(second.losses == whole.losses)
            #expect(second.session.trainables.groups.map(\.clock) == whole.session.trainables.groups.map(\.clock))
        }
    }

    @Test func theHooksComeInTheirOrder() async throws {
        let tiny = try TinyCheckpoint.bert()
        var course = try await Course(configuration(tiny, step: "hooks"))
        try course.run(0..<4)
        let step = ["begin", "micro", "micro", "penalty", "ready", "end"]
        // Five batches an epoch: the third step has one, and the fourth begins the second epoch.
        let last = ["begin", "micro", "penalty", "ready", "end"]
        #expect(course.penalties.allSatisfy { ($0 ?? 0) > 0 })
        #expect(course.life?.calls == ["epoch"] + step + step + last + ["epoch"] + step)
    }

    @Test func whatArrivedAndGrewIsTrained() async throws {
        let tiny = try TinyCheckpoint.bert()
        var course = try await Course(configuration(tiny, step: "hooks"))
        try course.run(0..<6)
        let graft = try #require(course.session.grafts.projections.values.first as? GrowingGraft)
        #expect(try graft.a.value.shape[0] == 4)
        #expect(try graft.b.value.shape[1] == 4)
        #expect(graft.shifts.count == 2)
        let shift: [Float] = try graft.shifts[0].value.detach().array()
        #expect(shift.contains { $0 != 0.01 })
        let clocks = Dictionary(
            uniqueKeysWithValues: course.session.trainables.groups.map { ($0.name, $0.clock) })
        // Right: off and dropped at step 2, off and kept at step 5.
        #expect(clocks == ["left": 6, "right": 2, "never": 0, "shift.2": 3, "shift.4": 1])
    }

    @Test func aRuleWithoutBackwardHoldsNoGradients() async throws {
        let tiny = try TinyCheckpoint.bert()
        var course = try await Course(configuration(tiny, step: "forward"))
        try course.run(0..<3)
        #expect(course.session.trainables.groups.allSatisfy { $0.gradients == nil && $0.clock == 0 })
        #expect(course.life?.calls.contains("micro") == false)
    }

    @Test(arguments: [false, true])
    func aLifecycleThatDoesNothingAndTheMeanOfTwoEqualBackwardsAreTheUsualStep(twice: Bool) async throws {
        let tiny = try TinyCheckpoint.bert()
        var idle = IdleMethod()
        idle.twice = twice
        var plain = try await Course(tiny.classification("run"))
        var other = try await Course(tiny.classification("run", method: idle))
        #expect(other.session.lifecycle != nil)
        try plain.run(0..<5)
        try other.run(0..<5)
        #expect(plain.losses == other.losses)
        let (expected, found) = (try plain.values(), try other.values())
        for (name, values) in found where expected[name] != nil { #expect(values == expected[name], "\(name)") }
        #expect(found.keys.contains { $0.contains("lora_B") })
    }

    @Test func wholeLayersInTurnsResumeExactlyAndLeaveTheBaseAlone() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try configuration(tiny, step: "hooks")
        configuration.method = LayersInTurns()
        let file = URL(fileURLWithPath: tiny.path("state"))
        var whole = try await Course(configuration)
        func base() throws -> [[Float]] {
            try whole.session.model.parameters.values.map { try $0.base.array() }
        }
        let before = try base()
        try whole.run(0..<5)
        #expect(try base() == before)
        let alone = try #require(whole.session.grafts.parameters["bert.embeddings.LayerNorm.weight"])
        #expect(try !alone.value.requiresGrad, "it is in no group")
        for interruption in 1..<5 {
            var first = try await Course(configuration)
            try first.run(0..<interruption)
            var second = try await first.reborn(configuration, through: file)
            let names = try SafetensorsFile(file).names
            #expect(names.contains { $0.hasPrefix("adapter.bert.encoder.layer.0.") })
            // The second layer's turn comes at the fourth step: until then it is the base's and not stored.
            #expect(names.contains { $0.hasPrefix("adapter.bert.encoder.layer.1.") } == (interruption > 3))
            try second.run(interruption..<5)
            #expect(try second.values() == whole.values(), "after step \(interruption)")
        }

        // An early state on a later session: what was touched since is the base's again.
        var early = try await Course(configuration)
        try early.run(0..<2)
        let state = try early.session.state()
        try SafetensorsWriter.write(state.tensors, metadata: [:], to: file)
        try whole.session.restore(
            SafetensorsFile(file), trainables: JSON.Node(state.trainables), method: JSON.Node(state.method))
        #expect(try whole.values() == early.values())
        #expect(try base() == before)
    }

    @Test func calibrationShowsWhatGoesInAndTheGradientsOfWeights() async throws {
        let tiny = try TinyCheckpoint.bert(dropout: 0)
        let session = try await TrainingSession.prepare(tiny.classification("run"))
        try session.model.activate([])
        let calibration = TrainingCalibration(
            model: session.model, loader: session.loader, objective: session.objective, device: .cpu,
            arguments: session.configuration.training)
        let sites = session.model.projections.values.filter { $0.path.hasSuffix("query") || $0.path.hasSuffix("value") }

        var seen: [(Int, String)] = []
        try calibration.observeInputs(of: sites, samples: 3) { sample, site, input in
            seen.append((sample, site.path))
            let length = try input.size(1)
            #expect(try input.shape == [1, length, 16])
        }
        #expect(seen.map(\.0) == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2])
        #expect(Array(seen.map(\.1).prefix(4)) == sites.map(\.path))

        // Against copies of the weights that are trained.
        var expected: [String: [Float]] = [:]
        var batches = session.loader.batches(from: BatchPosition())
        let examples = try #require(try batches.nextBatch()).exampleIndices.prefix(4)
        let batch = try session.loader.collator.batch(examples.map { [$0] }, of: session.loader.dataset.examples)
        let copies = try sites.map { try Variable($0.weight.name, $0.weight.base.clone()) }
        try session.model.add(
            GraftSet(parameters: .init(uniqueKeysWithValues: copies.map { ($0.name, $0) })), named: "copies")
        let sum = try session.objective.lossSum(
            session.model, batch, ForwardContext(isTraining: true, scoresOnly: true), on: .cpu)
        try (#require(sum) / 16).backward()
        for copy in copies { expected[copy.name] = try #require(try copy.value.grad).array() }
        try session.model.remove("copies")

        var batchesSeen: [Int] = []
        try calibration.weightGradients(of: sites, samples: 6, batchSize: 4) { index, site, gradient in
            batchesSeen.append(index)
            guard index == 0 else { return }
            let found: [Float] = try gradient.array()
            #expect(found == expected[site.weight.name])
        }
        #expect(batchesSeen == [0, 0, 0, 0, 1, 1, 1, 1])
        #expect(session.model.parameters.values.allSatisfy { $0.replacement == nil })
    }

    @Test func aMethodThatNeedsExamplesGetsThem() async throws {
        let tiny = try TinyCheckpoint.bert()
        let session = try await TrainingSession.prepare(tiny.classification("run", method: CalibratedMethod()))
        #expect(session.grafts.projections.count == 2)
    }
}

/// LoRA with a lifecycle of defaults.
private struct IdleMethod: Methods.Method {
    static let card = MethodCard(
        name: "idle-test", summary: "LoRA.", family: "test", sites: "linear", paper: "none", initContract: .equalsBase,
        mergeContract: .never)
    static let options: [MethodOption<IdleMethod>] = [.init("twice", \.twice)]
    var twice = false

    private final class Life: Lifecycle {
        var rule: (any UpdateRule)?
        var updateRule: (any UpdateRule)? { rule }
    }

    func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        var lora = LoRA()
        lora.modulesToSave = ["classifier"]
        return try lora.grafts(for: model, start)
    }

    func lifecycle(of grafts: GraftSet, on model: Model, _ plan: TrainingPlan) throws -> (any Lifecycle)? {
        let life = Life()
        if twice { life.rule = TwoBackwards() }
        return life
    }
}

/// All weights of one layer at a time, as they stand in the base: the first layer for three steps, then the second.
private struct LayersInTurns: Methods.Method {
    static let card = MethodCard(
        name: "layers-test", summary: "Layers in turns.", family: "test", sites: "parameters", paper: "none",
        initContract: .equalsBase, mergeContract: .never)
    static let options: [MethodOption<LayersInTurns>] = []

    private final class Life: Lifecycle {
        func groups(of variables: [Variable]) throws -> [ParameterGroup] {
            try ["layer.0.", "layer.1."].map { layer in
                try ParameterGroup(layer, variables.filter { $0.name.contains(layer) }, isActive: false)
            }
        }

        func stepWillBegin(_ moment: StepMoment) throws {
            let isSecond = moment.step >= 3
            try moment.trainables.setActive("layer.0.", !isSecond, state: .drop)
            try moment.trainables.setActive("layer.1.", isSecond, state: .drop)
        }
    }

    func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        var set = GraftSet()
        let places = [".layer.", "embeddings.LayerNorm"]
        for parameter in model.parameters.values where places.contains(where: parameter.name.contains) {
            set.parameters[parameter.name] = try Variable(parameter.name, parameter.base)
        }
        return set
    }

    func lifecycle(of grafts: GraftSet, on model: Model, _ plan: TrainingPlan) throws -> (any Lifecycle)? { Life() }
}

/// Grafts only where the calibration saw something.
private struct CalibratedMethod: Methods.Method {
    static let card = MethodCard(
        name: "calibrated-test", summary: "Sees examples.", family: "test", sites: "linear", paper: "none",
        initContract: .equalsBase, mergeContract: .never)
    static let options: [MethodOption<CalibratedMethod>] = []

    func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        var set = GraftSet()
        let sites = model.projections.values.filter { $0.path.hasSuffix("query") }
        try start.requiredCalibration("calibrated-test").observeInputs(of: sites, samples: 1) { _, site, input in
            set.projections[site.path] = try GrowingGraft(site, start.key.derived(site.path))
        }
        return set
    }
}
