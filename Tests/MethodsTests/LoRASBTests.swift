import Golden
import Networks
import Testing
import Torch

@testable import Methods

@Suite struct LoRASBTests {
    private static let gradient: @Sendable (Projection) throws -> Tensor = { site in
        try .normal(site.weight.base.shape, key: RandomKey(seed: 4).derived(site.path))
    }

    private func method(_ variant: LoRASB.Variant, r: Int) -> LoRASB {
        var method = LoRASB()
        (method.variant, method.r) = (variant, r)
        method.targetModules = .list(["c_attn"])
        return method
    }

    private func start(_ change: (inout CalibrationStub) -> Void = { _ in }) -> GraftStart {
        var calibration = CalibrationStub(gradients: [LoRASBTests.gradient])
        change(&calibration)
        return GraftStart(key: RandomKey(seed: 0), calibration: calibration)
    }

    @Test func atFullRankTheStartIsTheFirstStepOfFullTuning() throws {
        // GPT-2's weights are stored [in, out].
        let model = try SmallNetwork.make(SmallNetwork.gpt2)
        var method = method(.sb, r: 8)
        method.estimationBatchSize = 5
        // 3 batches of at most 5 of the 12 examples, in 2 epochs: 6 steps, of which 3 warm up.
        let set = try method.grafts(for: model, start { $0.warmupRatio = 0.5 })
        try model.add(set, named: "a")
        for (path, site) in model.projections where set.projections[path] != nil {
            let change = try site.mergedTensors().weight - site.weight.base
            let expected = try LoRASBTests.gradient(site).sign() * (-0.1 / 3)
            #expect(try change.gap(to: expected) < 1e-5)
        }
        #expect(try model.mergeGap() < 1e-4)
    }

    @Test func factorsAreOrthonormalAndOnlyTheMatrixBetweenThemTrains() throws {
        let model = try SmallNetwork.make(SmallNetwork.gpt2)
        let set = try method(.sb, r: 3).grafts(for: model, start())
        #expect(try set.trainableCount == 2 * 3 * 3)
        let identity = try Tensor([1, 0, 0, 0, 1, 0, 0, 0, 1].map { Float($0) }, shape: [3, 3])
        for case let graft as LoRASBGraft in set.projections.values {
            #expect(try graft.a.value.matmul(graft.a.value.t()).gap(to: identity) < 1e-5)
            #expect(try graft.b.value.t().matmul(graft.b.value).gap(to: identity) < 1e-5)
            #expect(graft.a.role == .frozen && graft.b.role == .frozen)
        }
    }

    @Test func xsStartsAsTheBaseAndFindsItsFactorsAgain() throws {
        let model = try SmallNetwork.make(SmallNetwork.gpt2)
        let before = try SmallNetwork.outputs(model)
        var method = method(.xs, r: 3)
        method.saveProjection = false
        let set = try method.grafts(for: model, key: RandomKey(seed: 0))
        try model.add(set, named: "a")
        let after = try SmallNetwork.outputs(model)
        #expect(try after.gap(to: before) < 1e-3)
        #expect(try after.gap(to: before) > 0)
        let again = try method.grafts(for: SmallNetwork.make(SmallNetwork.gpt2), key: RandomKey(seed: 9))
        for (path, graft) in set.projections {
            guard let graft = graft as? LoRASBGraft, let other = again.projections[path] as? LoRASBGraft else {
                Issue.record("no graft at \(path)")
                continue
            }
            #expect(try graft.a.value.isEqual(to: other.a.value) && graft.b.value.isEqual(to: other.b.value))
            #expect(!graft.a.isStored && !graft.b.isStored && graft.r.isStored)
        }
    }

    @Test func theOptimalGradientLeavesNothingThatAnotherUpdateCouldGain() throws {
        let weight = try Tensor.normal([7, 5], key: RandomKey(seed: 1))
        let model = try SingleProjection.model(weight: weight, bias: nil)
        var method = method(.xs, r: 2)
        (method.loraAlpha, method.targetModules) = (6, .list([SingleProjection.path]))
        let set = try method.grafts(for: model, key: RandomKey(seed: 0))
        guard let graft = set.projections[SingleProjection.path] as? LoRASBGraft else { throw CancellationError() }
        let (a, b, full) = (graft.a.value, graft.b.value, try Tensor.normal([7, 5], key: RandomKey(seed: 2)))
        let gradient = try b.t().matmul(full).matmul(a.t()) * 3
        let best = try graft.optimalGradient(gradient)
        // The rest of the full gradient has no part that B · A could reach.
        let rest = try b.matmul(best).matmul(a) * 3 - full
        #expect(try b.t().matmul(rest).matmul(a.t()).abs().amax().item() < 1e-4)
        #expect(try best.gap(to: gradient) > 0.01)
    }

    @Test func theMatrixDoesNotDecay() throws {
        let model = try SmallNetwork.make(SmallNetwork.gpt2)
        var method = method(.xs, r: 2)
        method.modulesToSave = ["ln_f"]
        let set = try method.grafts(for: model, key: RandomKey(seed: 0))
        let life = try method.lifecycle(
            of: set, on: model, .init(schedule: .init(peak: 1, totalSteps: 4), stepsPerEpoch: 4))
        let groups = try life?.groups(of: set.variables.filter { $0.role == .trainable }) ?? []
        #expect(groups.map(\.weightDecay) == [0, nil])
        #expect(groups.first?.variables.count == 2 && groups.last?.variables.count == 2)
    }

    @Test func whatCannotBeIsRefused() throws {
        let model = try SmallNetwork.make(SmallNetwork.gpt2)
        var scaled = method(.sb, r: 4)
        scaled.loraAlpha = 8
        #expect(thrownMessage { try scaled.validate() }.contains("lora_alpha: lora-sb needs the scale 1"))
        var bare = method(.sb, r: 4)
        bare.saveProjection = false
        #expect(thrownMessage { try bare.validate() }.contains("save_projection"))
        #expect(thrownMessage { try method(.xs, r: 9).grafts(for: model, start()) }.contains("above the 8 directions"))
        let alone = method(.sb, r: 2)
        #expect(thrownMessage { try alone.grafts(for: model, key: RandomKey(seed: 0)) }.contains("before it starts"))
    }
}
