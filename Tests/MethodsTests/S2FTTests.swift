import JSON
import Networks
import Testing
import Torch

@testable import Methods

@Suite struct S2FTTests {
    private func method(_ change: (inout S2FT) -> Void) -> S2FT {
        var method = S2FT()
        change(&method)
        return method
    }

    private var everything: S2FT {
        method { ($0.vRatio, $0.oRatio, $0.uRatio, $0.dRatio) = (0.5, 0.5, 0.3, 0.3) }
    }

    @Test func theOrderIsUpstreamOnlyThenBothThenDownstreamOnlyThenTheRest() {
        let units = S2FT.Units(upstream: [1, 4, 6], downstream: [2, 4, 7])
        #expect(units.order(count: 9) == [1, 6, 4, 2, 7, 0, 3, 5, 8])
        #expect(units.upstreamSlice == [1, 6, 4])
        #expect(units.downstreamSlice == [4, 2, 7])
    }

    @Test(arguments: [SmallNetwork.llama, SmallNetwork.gpt2])
    func slicesTrainWithoutChangingTheFreshModelAndMerge(config: JSON) throws {
        let model = try SmallNetwork.make(config)
        let before = try SmallNetwork.outputs(model)
        let set = try everything.grafts(for: model, key: RandomKey(seed: 3))
        try model.add(set, named: "a")
        #expect(try SmallNetwork.outputs(model).isEqual(to: before))
        try set.moveTrainables()
        #expect(try SmallNetwork.outputs(model).gap(to: before) > 0.01)
        #expect(try model.mergeGap() < 1e-4)
    }

    @Test func unitsOfGroupedQueriesAreHeadsOfTheirOwnSide() throws {
        let model = try SmallNetwork.make(SmallNetwork.llama)
        let set = try everything.grafts(for: model, key: RandomKey(seed: 3))
        func columns(_ ending: String) throws -> [Int] {
            try set.projections.filter { $0.key.hasSuffix(ending) }.map { path, graft in
                let slice = try #require(graft as? S2FTGraft).slice.value
                return try slice.size(ending == "v_proj" || ending == "up_proj" ? 0 : 1)
            }
        }
        // Half of 2 · 2 heads of values and of 2 · 4 of queries, four channels each; 14 of 48 channels.
        #expect(try columns("v_proj").reduce(0, +) == 2 * 4)
        #expect(try columns("o_proj").reduce(0, +) == 4 * 4)
        #expect(try columns("up_proj").reduce(0, +) == 14)
        #expect(try columns("down_proj").reduce(0, +) == 14)
        #expect(try set.trainableCount == 16 * (8 + 16 + 14 + 14))
    }

    @Test func onlyChosenRowsAndColumnsOfTheWeightChange() throws {
        // The values of GPT-2 are the last third of a fused projection that is stored [in, out].
        let model = try SmallNetwork.make(SmallNetwork.gpt2)
        let set = try method { ($0.vRatio, $0.dRatio) = (0.5, 0.2) }.grafts(for: model, key: RandomKey(seed: 3))
        try model.add(set, named: "a")
        try set.moveTrainables()
        #expect(!set.projections.isEmpty)
        for (path, graft) in set.projections {
            let (graft, site) = (try #require(graft as? S2FTGraft), try #require(model.projections[path]))
            let units = try graft.indices.value.to(.int64).array(of: Int64.self).map { Int($0) }
            let change = try site.matrix(site.mergedTensors().weight - site.weight.base).abs()
            let isValue = path.hasSuffix("c_attn")
            let touched = try change.amax([isValue ? 1 : 0]).gt(0).to(.float32).array(of: Float.self)
            let expected = isValue ? units.flatMap { head in (0..<4).map { 16 + head * 4 + $0 } } : units
            #expect(touched.indices.filter { touched[$0] > 0 } == expected.sorted())
        }
    }

    @Test func theGradientIsTheSliceOfTheFullOne() throws {
        let model = try SmallNetwork.make(SmallNetwork.llama)
        let set = try everything.grafts(for: model, key: RandomKey(seed: 3))
        try model.add(set, named: "a")
        let sites = try set.projections.keys.map { try #require(model.projections[$0]) }
        for site in sites { try site.weight.replace(with: site.weight.base.detach().setRequiresGrad(true)) }
        let ids = try Tensor([1, 5, 3, 7].map { Int64($0) }, shape: [1, 4])
        let y = try model(ModelInput(inputIDs: ids)).lastHiddenState
        try (y * Tensor.normal(y.shape, key: RandomKey(seed: 2))).sum().backward()
        for place in try S2FTPlace.all(of: model, layers: nil) {
            guard let graft = set.projections[place.projection.path] as? S2FTGraft else { continue }
            let units = try graft.indices.value.to(.int64).array(of: Int64.self).map { Int($0) }
            let full = try #require(try place.projection.weight.value.grad)
            let expected = try full.indexSelect(place.role.isUpstream ? 0 : 1, Tensor(place.entries(of: units)))
            let found = try #require(try graft.slice.value.grad)
            #expect(try found.gap(to: expected) < 1e-4)
            #expect(try expected.abs().amax().item() > 0)
        }
    }

    @Test func twoAdaptersOfOtherChannelsAddUp() throws {
        let model = try SmallNetwork.make(SmallNetwork.llama)
        let place = try #require(try S2FTPlace.all(of: model, layers: nil).first { $0.role == .down })
        func adapter(_ units: [Int]) throws -> GraftSet {
            let set = GraftSet(projections: [place.projection.path: try S2FTGraft(place, indices: units)])
            try set.moveTrainables()
            return set
        }
        let (first, second) = (try adapter([1, 5]), try adapter([7]))
        let base = try place.projection.weight.base
        try model.add(first, named: "first")
        let one = try place.projection.mergedTensors().weight - base
        try model.add(second, named: "second")
        let both = try place.projection.mergedTensors().weight - base
        try model.activate(["second"])
        let two = try place.projection.mergedTensors().weight - base
        #expect(try both.isEqual(to: one + two))
    }

    @Test func scoresChooseTheUnitsThatTheyName() throws {
        let model = try SmallNetwork.make(SmallNetwork.llama)
        let downs = model.projections.values.filter { $0.path.hasSuffix("down_proj") }
        // Channel 7 of the second layer is the heaviest by far, and gets an input and a gradient only there.
        try downs[1].weight.base.narrow(1, 7, 1).mulInPlace(50)
        func at(_ site: Projection, _ shape: [Int], _ dim: Int) throws -> Tensor {
            let tensor = try Tensor.zeros(shape)
            if site === downs[1] { try tensor.narrow(dim, 7, 1).addInPlace(.ones([1])) }
            return tensor
        }
        let calibration = CalibrationStub(
            inputs: [{ try at($0, [1, 3, $0.inputSize], 2) }],
            gradients: [{ try at($0, [$0.outputSize, $0.inputSize], 1) }])
        for selection in [S2FT.Selection.weight, .activation, .product, .gradient] {
            let method = method { ($0.dRatio, $0.selection) = (0.021, selection) }
            let set = try method.grafts(for: model, GraftStart(key: RandomKey(seed: 0), calibration: calibration))
            #expect(Array(set.projections.keys) == [downs[1].path])
            let graft = try #require(set.projections[downs[1].path] as? S2FTGraft)
            #expect(try graft.indices.value.to(.int64).array(of: Int64.self) == [7])
        }
    }

    @Test func drawsDependOnTheSeedAndNothingElse() throws {
        func indices(seed: Int) throws -> [String: [Int64]] {
            let set = try everything.grafts(for: SmallNetwork.make(SmallNetwork.llama), key: RandomKey(seed: seed))
            return try Dictionary(
                uniqueKeysWithValues: set.variables.filter { $0.name.hasSuffix("s2_indices") }.map {
                    ($0.name, try $0.value.to(.int64).array(of: Int64.self))
                })
        }
        #expect(try indices(seed: 1) == indices(seed: 1))
        #expect(try indices(seed: 1) != indices(seed: 2))
    }

    /// What an adapter's file might hold.
    private struct Stored: StoredTensors {
        let tensors: [String: Tensor]
        var names: [String] { tensors.keys.sorted() }
        func tensor(_ name: String) throws -> Tensor? { tensors[name] }
    }

    @Test func indicesOfAFileAreCheckedBeforeTheyAreUsed() throws {
        let model = try SmallNetwork.make(SmallNetwork.llama)
        let path = "model.layers.1.mlp.down_proj"
        func read(_ indices: Tensor?) throws -> GraftSet {
            let stored = Stored(tensors: indices.map { ["\(path).s2_indices": $0] } ?? [:])
            return try S2FT().grafts(for: model, GraftStart(key: RandomKey(seed: 0), stored: stored))
        }
        let set = try read(Tensor([5, 2].map { Int32($0) }))
        #expect(Array(set.projections.keys) == [path])
        let graft = try #require(set.projections[path] as? S2FTGraft)
        #expect(try graft.slice.value.shape == [16, 2])
        #expect(thrownMessage { try read(Tensor([5, 24].map { Int32($0) })) }.contains("from 0 to 23"))
        #expect(thrownMessage { try read(Tensor([5, -1].map { Int32($0) })) }.contains("from 0 to 23"))
        #expect(thrownMessage { try read(Tensor([5, 5].map { Int32($0) })) }.contains("different numbers"))
        #expect(thrownMessage { try read(.zeros([25], dtype: .int32)) }.contains("1 to 24 whole numbers"))
        #expect(thrownMessage { try read(.zeros([2])) }.contains("1 to 24 whole numbers"))
        #expect(thrownMessage { try read(nil) }.contains("no slice"))
    }

    @Test func whatCannotBeIsRefused() throws {
        let model = try SmallNetwork.make(SmallNetwork.llama)
        #expect(thrownMessage { try method { $0.dRatio = 0 }.validate() }.contains("nothing is trained"))
        #expect(thrownMessage { try method { $0.uRatio = 1.5 }.validate() }.contains("u_ratio"))
        let tiny = method { $0.dRatio = 0.001 }
        #expect(thrownMessage { try tiny.grafts(for: model, key: RandomKey(seed: 0)) }.contains("below one unit"))
        let nowhere = method { $0.layersToTransform = [9] }
        #expect(
            thrownMessage { try nowhere.grafts(for: model, key: RandomKey(seed: 0)) }.contains("layers_to_transform"))
        let scored = method { $0.selection = .activation }
        #expect(thrownMessage { try scored.grafts(for: model, key: RandomKey(seed: 0)) }.contains("training examples"))
    }
}
