import Golden
import Networks
import Optimization
import Testing
import Torch

@testable import Methods

@Suite struct MaskTuningTests {
    private struct Course {
        let model: Model
        let graft: MaskGraft
        let training: MaskTraining
        let trainables: Trainables

        init(_ edit: (inout MaskTuning) -> Void = { _ in }) throws {
            var method = MaskTuning()
            method.targetModules = .list([SingleProjection.path])
            edit(&method)
            model = try SingleProjection.model(
                weight: .normal([3, 5], key: RandomKey(seed: 1)), bias: .normal([3], key: RandomKey(seed: 2)))
            let set = try method.grafts(for: model, key: RandomKey(seed: 0))
            try model.add(set, named: "default")
            graft = try #require(set.projections.values.first as? MaskGraft)
            training = MaskTraining(method, [graft])
            let model = model
            trainables = try Trainables(training.groups(of: set.variables), optimizer: AdamW()) { try model.refresh() }
        }

        var input: ModelInput {
            get throws { ModelInput(pixelValues: try .normal([4, 5], key: RandomKey(seed: 3))) }
        }

        func step(rate: Double) throws {
            let moment = StepMoment(
                step: 0, totalSteps: 1, epoch: 0, key: RandomKey(seed: 7), learningRate: rate, trainables: trainables,
                model: model)
            let labels = try Tensor([0, 2, 1, 0]).to(.int64)
            _ = try training.step(ReplayedStep(input: input, labels: labels, moment))
        }
    }

    @Test func aFreshMaskComputesTheBaseToTheBit() throws {
        let course = try Course()
        let y = try course.model(course.input).lastHiddenState
        let base = try course.model.withAdapters([]) { try course.model(course.input).lastHiddenState }
        #expect(try y.isEqual(to: base))
    }

    @Test func mergedIsMaskedToTheBitAndTheWeightStays() throws {
        let course = try Course { $0.gdrLambda = 0 }
        let weight = try #require(course.model.projections[SingleProjection.path]).weight
        let before = try weight.base.clone()
        try course.step(rate: 0.02)
        #expect(try course.graft.mask().amin().item() == 0)
        let y = try course.model(course.input).lastHiddenState
        try course.model.merge()
        #expect(try (course.model(course.input).lastHiddenState).isEqual(to: y.detach()))
        #expect(try weight.base.isEqual(to: before))
    }

    @Test func withoutDropoutTheTasksGradientActs() throws {
        let course = try Course { $0.gdrLambda = 0 }
        course.training.observer = { gradients, _, _ in
            let gradient = try #require(gradients.first)
            #expect(try gradient.final.isEqual(to: gradient.task))
        }
        try course.step(rate: 0.02)
    }

    @Test func gradientsThatAgreeAreKeptAndOthersByChance() throws {
        let course = try Course()
        try course.graft.scores.load(.uniform([3, 5], 0, 0.01, key: RandomKey(seed: 4)))
        course.training.observer = { gradients, _, _ in
            let gradient = try #require(gradients.first)
            let a: [Float] = try gradient.task.array()
            let b: [Float] = try gradient.general.array()
            let final: [Float] = try gradient.final.array()
            #expect(b.contains { $0 != 0 })
            for index in a.indices where a[index] * b[index] > 1e-8 { #expect(final[index] == a[index]) }
            #expect(zip(a, final).allSatisfy { $1 == $0 || $1 == 0 })
        }
        try course.step(rate: 0.02)
    }

    @Test func bitsComeBackAsScoresOfTheSameMask() throws {
        let course = try Course()
        try course.graft.scores.load(.uniform([3, 5], 0, 0.01, key: RandomKey(seed: 4)))
        let packing = try #require(course.graft.scores.packing)
        let parts = try packing.packed(course.graft.scores.value.detach())
        #expect(try parts.map { try $0.shape } == [[2]])
        let mask = try course.graft.mask()
        try course.graft.scores.load(packing.unpacked(parts, shape: [3, 5]))
        #expect(try course.graft.mask().isEqual(to: mask))
    }
}
