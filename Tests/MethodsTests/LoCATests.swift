import Foundation
import Golden
import JSON
import Networks
import Optimization
import Testing
import Torch

@testable import Methods

@Suite struct LoCATests {
    private func method(k: Int, target: String = SingleProjection.path) -> LoCA {
        var method = LoCA()
        method.nFrequency = k
        method.targetModules = .list([target])
        return method
    }

    private func single(_ method: LoCA, _ shape: [Int] = [6, 9]) throws -> (model: Model, graft: LoCAGraft) {
        let model = try SingleProjection.model(weight: .normal(shape, key: RandomKey(seed: 1)), bias: nil)
        let set = try method.grafts(for: model, key: RandomKey(seed: 0))
        try model.add(set, named: "a")
        return (model, try #require(set.projections[SingleProjection.path] as? LoCAGraft))
    }

    /// The transform's matrix as its definition has it.
    private func dct(_ size: Int) throws -> Tensor {
        let rows = (0..<size).flatMap { i in
            (0..<size).map { j in
                let angle = (2 * Float(j) + 1) * Float(i) * Float.pi / Float(2 * size)
                return (i == 0 ? 1 / Float(size) : 2 / Float(size)).squareRoot() * Foundation.cos(angle)
            }
        }
        return try Tensor(rows, shape: [size, size])
    }

    @Test func wavesAreTheRowsOfTheOrthonormalTransform() throws {
        for size in [1, 2, 7, 12] {
            let rows = try LoCAGraft.waves(Tensor.arange(to: Double(size)), size: size)
            #expect(try rows.gap(to: dct(size)) < 1e-5)
        }
        // Large angles lose nothing.
        let high = try LoCAGraft.waves(Tensor([4095].map { Int64($0) }), size: 4096)
        #expect(try abs(high.norm().item() - 1) < 1e-5)
        #expect(try high.matmul(LoCAGraft.waves(Tensor([4094].map { Int64($0) }), size: 4096).t()).abs().item() < 1e-5)
    }

    @Test func aFreshAdapterIsTheBaseAndTheLowestWaveIsConstant() throws {
        let (_, graft) = try single(method(k: 1))
        #expect(try graft.delta().abs().amax().item() == 0)
        try graft.spectrum.load(.full([1], 3))
        try graft.locations.load(.zeros([2, 1]))
        #expect(try graft.delta().gap(to: .full([6, 9], 3 / 54.0.squareRoot())) < 1e-6)
    }

    @Test func theChangeIsTheInverseTransformOfTheSparseSpectrum() throws {
        var method = method(k: 4)
        method.scale = 2
        let (_, graft) = try single(method)
        try graft.spectrum.load(Tensor([1, -2, 0.5, 4].map { Float($0) }))
        // The first and the last are at the same place.
        try graft.locations.load(Tensor([0.2, 0.999, 0, 0.2, 0.5, 0.999, 1, 0.5].map { Float($0) }, shape: [2, 4]))
        #expect(try graft.positions().array(of: Int64.self) == [1, 5, 0, 1, 4, 8, 8, 4])
        var spectrum = [Float](repeating: 0, count: 54)
        spectrum[1 * 9 + 4] = 5
        spectrum[5 * 9 + 8] = -2
        spectrum[8] = 0.5
        let sparse = try Tensor(spectrum, shape: [6, 9])
        let dense = try dct(6).t().matmul(sparse).matmul(dct(9)) * 2
        #expect(try graft.delta().gap(to: dense) < 1e-5)
        #expect(try abs(graft.delta().norm().item() - 2 * sparse.norm().item()) < 1e-4)
    }

    @Test func mergedEqualsUnmergedInBothLayoutsWithAndWithoutDropout() throws {
        let model = try SmallNetwork.make(SmallNetwork.gpt2)
        let set = try method(k: 7, target: "c_attn").grafts(for: model, key: RandomKey(seed: 0))
        let before = try SmallNetwork.outputs(model)
        try model.add(set, named: "a")
        #expect(try SmallNetwork.outputs(model).isEqual(to: before))
        try set.moveTrainables(by: 1)
        #expect(try SmallNetwork.outputs(model).gap(to: before) > 0.01)
        #expect(try model.mergeGap() < 1e-4)
        #expect(try set.trainableCount == 2 * 3 * 7)

        var dropping = method(k: 3)
        dropping.locaDropout = 0.5
        let (single, graft) = try single(dropping)
        try graft.spectrum.load(.full([3], 2))
        let x = try Tensor.ones([2000, 9])
        func output(_ context: ForwardContext) throws -> Tensor {
            try single(ModelInput(pixelValues: x), context).lastHiddenState.mean([0])
        }
        let dropped = try output(ForwardContext(isTraining: true))
        #expect(try dropped.gap(to: output(ForwardContext())) < 0.3)
        #expect(try !dropped.isEqual(to: output(ForwardContext())))
    }

    @Test func turnsFollowTheSchedule() {
        var method = method(k: 1)
        method.learnLocationIter = 45
        let expected = (0..<60).map { $0 < 45 && $0 > 0 && $0 % 30 >= 10 }
        #expect((0..<60).map { method.phase(at: $0) == .locations } == expected)
        // The first step trains heights even where a cycle would begin otherwise.
        #expect(method.phase(at: 0) == .coefficients)
        method.locationSteps = 0
        #expect((0..<60).allSatisfy { method.phase(at: $0) == .coefficients })
    }

    /// Steps of training towards a weight with waves at other places.
    private func train(_ method: LoCA, steps: Int, _ each: (Int, LoCAGraft, Trainables) throws -> Void = { _, _, _ in })
        throws -> Double
    {
        let (model, graft) = try single(method)
        let teacher = try LoCAGraft(method, at: model.projections.values[0], key: RandomKey(seed: 77))
        try teacher.spectrum.load(.normal(teacher.spectrum.value.shape, key: RandomKey(seed: 5)))
        let x = try Tensor.normal([64, 9], key: RandomKey(seed: 3))
        let target = try x.linear(model.projections.values[0].weight.base + teacher.delta())
        let plan = TrainingPlan(schedule: .init(shape: .constant, peak: 0.1, totalSteps: steps), stepsPerEpoch: steps)
        let set = try #require(model.adapters["a"])
        let life = try #require(try method.lifecycle(of: set, on: model, plan))
        let trainables = try Trainables(
            life.groups(of: set.variables), optimizer: AdamW(weightDecay: 0.1), schedule: plan.schedule,
            onReplaced: { try model.refresh() })
        var last = 0.0
        for step in 0..<steps {
            let moment = StepMoment(
                step: step, totalSteps: steps, epoch: 0, key: RandomKey(seed: step), learningRate: 0.1,
                trainables: trainables, model: model)
            try life.stepWillBegin(moment)
            try trainables.clearGradients()
            let difference =
                try model(ModelInput(pixelValues: x), ForwardContext(isTraining: true)).lastHiddenState - target
            let loss = try (difference * difference).mean()
            try loss.backward()
            try life.microBatchDidEnd(moment)
            try life.backwardDidEnd(moment)
            try each(step, graft, trainables)
            try trainables.step(learningRate: 0.1, at: step)
            last = try loss.item()
        }
        return last
    }

    @Test func whatIsNotItsTurnHasNoGradientAndDoesNotMove() throws {
        var method = method(k: 3)
        (method.learnLocationIter, method.coefficientSteps, method.locationSteps) = (7, 2, 2)
        var before: [Float] = []
        var seen: [Bool] = []
        _ = try train(method, steps: 10) { step, graft, trainables in
            let trainsPlaces = try trainables.gradient(of: graft.locations) != nil
            #expect(try trainsPlaces != (trainables.gradient(of: graft.spectrum) != nil))
            if let gradient = try trainables.gradient(of: graft.locations) {
                #expect(try gradient.select(0, 0).abs().amax().item() <= 5)
                #expect(try gradient.select(0, 1).abs().amax().item() <= 8)
            }
            // What was on in the step before may have moved, nothing else.
            let places: [Float] = try graft.locations.value.array()
            if let previous = seen.last, !previous { #expect(places == before) }
            (before, seen) = (places, seen + [trainsPlaces])
        }
        #expect(seen == [false, false, true, true, false, false, true, false, false, false])
    }

    @Test func aSteepLossMovesAPlaceByOnePositionsWorthAtMost() throws {
        let (model, graft) = try single(method(k: 2))
        try graft.spectrum.load(.full([2], 50))
        try graft.locations.load(.full([2, 2], 0.5))
        let y = try model(ModelInput(pixelValues: .normal([4, 9], std: 100, key: RandomKey(seed: 1)))).lastHiddenState
        try (y * Tensor.normal([4, 6], key: RandomKey(seed: 2))).sum().backward()
        let gradient = try #require(try graft.locations.value.grad)
        #expect(try gradient.abs().amax().item() > 100)
        let bounded = try graft.bounded(gradient)
        #expect(try bounded.select(0, 0).abs().amax().item() <= 5)
        #expect(try bounded.select(0, 1).abs().amax().item() == 8)
    }

    @Test func learnedPlacesFitBetterThanFixedOnes() throws {
        var learning = method(k: 4)
        (learning.learnLocationIter, learning.locationLearningRate) = (150, 0.02)
        var fixed = learning
        fixed.learnLocationIter = 0
        #expect(try train(learning, steps: 200) < train(fixed, steps: 200))
    }

    @Test func countedForwardsAreState() throws {
        var method = method(k: 1)
        (method.countForwards, method.learnLocationIter) = (true, 20)
        let (model, _) = try single(method)
        let set = try #require(model.adapters["a"])
        let plan = TrainingPlan(schedule: .init(peak: 1, totalSteps: 9), stepsPerEpoch: 9)
        let life = try #require(try method.lifecycle(of: set, on: model, plan) as? LoCALifecycle)
        let trainables = try Trainables(life.groups(of: set.variables), optimizer: AdamW())
        let moment = StepMoment(
            step: 0, totalSteps: 9, epoch: 0, key: RandomKey(seed: 0), learningRate: 1, trainables: trainables,
            model: model)
        for _ in 0..<12 { try life.microBatchDidEnd(moment) }
        let other = try #require(try method.lifecycle(of: set, on: model, plan) as? LoCALifecycle)
        try other.restore(#require(try life.state()))
        try other.stepWillBegin(moment)
        #expect(try trainables.group("locations").isActive)
    }

    @Test func whatCannotBeIsRefused() throws {
        for text in [
            #"{"n_frequency": 0}"#, #"{"scale": 0}"#, #"{"loca_dropout": 1}"#, #"{"coefficient_steps": 0}"#,
            #"{"location_learning_rate": -1}"#,
        ] {
            let name = text.dropFirst(2).prefix { $0 != "\"" }
            #expect(thrownMessage { try JSON.Node(JSON.parse(text)).decode(LoCA.self) }.contains(name))
        }
    }
}
