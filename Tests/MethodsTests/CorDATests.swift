import Golden
import Networks
import Testing
import Torch

@testable import Methods

@Suite struct CorDATests {
    private let weight: Tensor
    private let inputs: Tensor

    init() throws {
        weight = try Tensor.normal([6, 5], key: RandomKey(seed: 1))
        // Directions of very different use.
        let shares = try Tensor([3, 1, 0.3, 0.1, 0.05].map { Float($0) })
        inputs = try Tensor.normal([40, 5], key: RandomKey(seed: 2)) * shares
    }

    private func method(_ change: (inout CorDA) -> Void = { _ in }) -> CorDA {
        var method = CorDA()
        (method.r, method.loraAlpha) = (2, 6)
        method.targetModules = .list([SingleProjection.path])
        change(&method)
        return method
    }

    private func start(_ inputs: Tensor) -> GraftStart {
        GraftStart(key: RandomKey(seed: 0), calibration: CalibrationStub(inputs: [{ _ in inputs }]))
    }

    private func graft(_ method: CorDA, _ inputs: Tensor) throws -> LoRAGraft {
        let model = try SingleProjection.model(weight: weight, bias: nil)
        let set = try method.grafts(for: model, start(inputs))
        return try #require(set.projections[SingleProjection.path] as? LoRAGraft)
    }

    private func delta(_ graft: LoRAGraft) throws -> Tensor {
        try graft.b.value.detach().matmul(graft.a.value.detach()) * graft.scaling
    }

    @Test(arguments: CorDA.Mode.allCases, CorDA.SigmaFuse.allCases)
    func aFreshAdapterIsTheBase(mode: CorDA.Mode, fuse: CorDA.SigmaFuse) throws {
        let graft = try graft(method { ($0.cordaMethod, $0.sigmaFuse) = (mode, fuse) }, inputs)
        let residual = try #require(graft.residual)
        let delta = try delta(graft)
        #expect(try (residual + delta).gap(to: weight) < 1e-5)
        #expect(try delta.abs().amax().item() > 1e-3)
    }

    @Test func withoutAnyPreferenceOfTheInputsItIsPiSSA() throws {
        let rows = try Tensor.arange(to: 5)
        let identity = try rows.unsqueeze(0).eq(rows.unsqueeze(1)).to(.float32)
        let model = try SingleProjection.model(weight: weight, bias: nil)
        let pissa = try LoRAInit.pissa(iterations: nil).start(
            method().lora, rank: 2, scaling: 3, at: model.projections.values[0], key: RandomKey(seed: 0))
        let expected = try pissa.b.matmul(pissa.a) * 3
        #expect(try delta(graft(method(), identity)).gap(to: expected) < 1e-5)
        // Inputs that are always zero prefer nothing either, and divide nothing by zero.
        #expect(try delta(graft(method(), .zeros([3, 5]))).gap(to: expected) < 1e-5)
    }

    @Test func theModesTakeTheTwoEndsOfTheSpectrum() throws {
        let largest = try delta(graft(method { $0.r = 2 }, inputs))
        let smallest = try delta(graft(method { ($0.r, $0.loraAlpha, $0.cordaMethod) = (3, 3, .kpm) }, inputs))
        // Of the five components, two and three are all.
        #expect(try (largest + smallest).gap(to: weight) < 1e-5)
    }

    @Test func theLargestComponentsKeepMoreOfWhatTheInputsUse() throws {
        func loss(_ kept: Tensor) throws -> Double { try (weight - kept).matmul(inputs.t()).norm().item() }
        let (u, s, vT) = try weight.svd()
        let plain = try (u.narrow(1, 0, 2) * s.narrow(0, 0, 2)).matmul(vT.narrow(0, 0, 2))
        #expect(try loss(delta(graft(method(), inputs))) < loss(plain) * 0.7)
    }

    @Test func itIsWrittenAsPlainLoRAOfTwiceTheRank() throws {
        let model = try SmallNetwork.make(SmallNetwork.gpt2)
        var method = method { $0.targetModules = .list(["c_attn", "c_proj"]) }
        method.useRSLoRA = true
        let calibration = CalibrationStub(inputs: [
            { try .normal([1, 9, $0.inputSize], key: RandomKey(seed: 5).derived($0.path)) }
        ])
        let set = try method.grafts(for: model, GraftStart(key: RandomKey(seed: 0), calibration: calibration))
        let before = try SmallNetwork.outputs(model)
        try model.add(set, named: "trained")
        #expect(try SmallNetwork.outputs(model).gap(to: before) < 1e-4)
        try set.moveTrainables()
        let trained = try SmallNetwork.outputs(model)
        #expect(try trained.gap(to: before) > 0.01)
        #expect(try model.mergeGap() < 1e-4)

        let export = try method.peftExport(set, on: model, form: .portable)
        let lora = try #require(export.method as? LoRA)
        #expect(lora.r == 4 && !lora.initLoRAWeights.replacesBase)
        let plain = try SmallNetwork.make(SmallNetwork.gpt2)
        let read = try lora.grafts(for: plain, key: RandomKey(seed: 0))
        let tensors = Dictionary(export.tensors, uniquingKeysWith: { first, _ in first })
        for variable in read.variables { try variable.load(#require(tensors[variable.name])) }
        try plain.add(read, named: "read")
        #expect(try SmallNetwork.outputs(plain).gap(to: trained) < 1e-4)
        #expect(thrownMessage { try method.peftExport(set, on: model, form: .raw) }.contains("cannot be written raw"))
    }

    @Test func whatCannotBeIsRefused() throws {
        let model = try SingleProjection.model(weight: weight, bias: nil)
        let wide = method { $0.r = 6 }
        #expect(thrownMessage { try wide.grafts(for: model, start(inputs)) }.contains("above the 5 directions"))
        #expect(thrownMessage { try method { $0.loraAlpha = 0 }.validate() }.contains("lora_alpha"))
        let infinite = try inputs / 0
        #expect(thrownMessage { try method().grafts(for: model, start(infinite)) }.contains("not a number"))
        let none = GraftStart(key: RandomKey(seed: 0), calibration: CalibrationStub())
        #expect(thrownMessage { try method().grafts(for: model, none) }.contains("no training example went through"))
    }
}
