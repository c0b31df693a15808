import Golden
import JSON
import Networks
import Optimization
import Testing
import Torch

@testable import Methods

@Suite struct SpIELTests {
    private func model(_ size: Int = 24, seed: Int = 1) throws -> Model {
        try SingleProjection.model(
            weight: .normal([size, size], std: 0.2, key: RandomKey(seed: seed).derived("w")), bias: nil)
    }

    private func method(_ algorithm: SpIEL.SelectionAlgorithm, count: Int) -> SpIEL {
        var method = SpIEL()
        (method.selectionAlgorithm, method.numTunableWeights) = (algorithm, count)
        method.targetModules = .list([SingleProjection.path])
        return method
    }

    @Test func aFreshAdapterIsTheBaseAndEachIndexIsThereOnce() throws {
        let model = try model()
        let site = try #require(model.projections[SingleProjection.path])
        let set = try method(.rigl, count: 200).grafts(for: model, key: RandomKey(seed: 4))
        try model.add(set, named: "default")
        let graft = try #require(set.projections[site.path] as? SpIELGraft)
        let indices = try graft.indices.value.array(of: Int64.self)
        #expect(Set(indices).count == 200 && indices == indices.sorted())
        let x = try Tensor.normal([3, 24], key: RandomKey(seed: 1))
        #expect(try site(x, ForwardContext()).isEqual(to: x.linear(site.weight.base, nil)))
    }

    /// Trains towards W + D, where D has 40 entries, and tells which share of D's places has a delta at the end.
    private func recovered(_ algorithm: SpIEL.SelectionAlgorithm, rate: Double, seed: Int, reselects: Bool = true)
        throws
        -> Double
    {
        let (model, steps, size) = (try model(seed: seed), 400, 24)
        let method = method(algorithm, count: 58)
        let set = try method.grafts(for: model, key: RandomKey(seed: seed))
        try model.add(set, named: "default")
        let graft = try #require(set.projections[SingleProjection.path] as? SpIELGraft)
        let plan = TrainingPlan(schedule: .init(peak: rate, totalSteps: steps), stepsPerEpoch: steps)
        let life = SpIELReselection(method, [graft], plan)
        let trainables = try Trainables(life.groups(of: [graft.values]), optimizer: life.optimizer ?? AdamW())
        let key = RandomKey(seed: seed)
        let support = try Tensor.uniform([size * size], 0, 1, key: key.derived("places")).topK(40).indices
        let signs = try Tensor.normal([40], key: key.derived("signs")).sign() * 0.5
        let difference = try Tensor.zeros([size * size]).scatter(0, support, signs).reshape([size, size])
        let site = try #require(model.projections[SingleProjection.path])
        for step in 0..<steps {
            let moment = StepMoment(
                step: step, totalSteps: steps, epoch: 0, key: key, learningRate: rate, trainables: trainables,
                model: model)
            try life.stepWillBegin(moment)
            try trainables.clearGradients()
            let x = try Tensor.normal([64, size], key: key.derived(step))
            let error = try site(x, ForwardContext(isTraining: true)) - x.linear(site.weight.base + difference, nil)
            try (error.pow(2).sum() / 64).backward()
            try life.microBatchDidEnd(moment)
            try life.gradientsReady(moment)
            try trainables.step(learningRate: rate)
            if reselects { try life.stepDidEnd(moment) }
            let indices = try graft.indices.value.array(of: Int64.self)
            #expect(Set(indices).count == 58)
        }
        let found = Set(try graft.indices.value.array(of: Int64.self))
        return Double(try support.array(of: Int64.self).count { found.contains($0) }) / 40
    }

    @Test func accumulatedGradientsFindTheChangedWeightsAndMomentaMoreThanChance() throws {
        #expect(try recovered(.rigl, rate: 0.02, seed: 1) >= 0.95)
        let fixed = try (1...3).map { try recovered(.sm3, rate: 0.05, seed: $0, reselects: false) }.reduce(0, +)
        let momenta = try (1...3).map { try recovered(.sm3, rate: 0.05, seed: $0) }.reduce(0, +)
        #expect(momenta > fixed, "\(momenta / 3), \(fixed / 3)")
    }

    @Test func keptDeltasAreUntouchedAndNewOnesAreSeeded() throws {
        let model = try model(6)
        var method = method(.rigl, count: 8)
        (method.reselectionSteps, method.selectionAccumulationSteps) = (4, 2)
        let set = try method.grafts(for: model, key: RandomKey(seed: 2))
        let graft = try #require(set.projections[SingleProjection.path] as? SpIELGraft)
        try model.add(set, named: "default")
        let plan = TrainingPlan(schedule: .init(peak: 0.01, totalSteps: 40), stepsPerEpoch: 40)
        let life = SpIELReselection(method, [graft], plan)
        let trainables = try Trainables(life.groups(of: [graft.values]), optimizer: life.optimizer ?? AdamW())
        let site = try #require(model.projections[SingleProjection.path])
        func state() throws -> [Int64: [Float]] {
            let names = ["mean", "square", "updates"]
            let rows = try [graft.values.value.detach()] + names.map { try trainables.moment($0, of: graft.values) }
            let columns = try rows.map { try $0.array(of: Float.self) }
            let indices = try graft.indices.value.array(of: Int64.self)
            return Dictionary(
                uniqueKeysWithValues: indices.enumerated().map { slot, index in
                    (index, columns.map { $0[slot] })
                })
        }
        for step in 0..<6 {
            let moment = StepMoment(
                step: step, totalSteps: 40, epoch: 0, key: RandomKey(seed: 0), learningRate: 0.01,
                trainables: trainables, model: model)
            try life.stepWillBegin(moment)
            try trainables.clearGradients()
            let x = try Tensor.normal([8, 6], key: RandomKey(seed: 3).derived(step))
            try site(x, ForwardContext(isTraining: true)).pow(2).sum().backward()
            try life.microBatchDidEnd(moment)
            try trainables.step(learningRate: 0.01)
            let before = try state()
            try life.stepDidEnd(moment)
            let after = try state()
            #expect(after.count == 8)
            for (index, entry) in after {
                if let old = before[index] {
                    #expect(entry == old)
                } else {
                    #expect(entry[0] == 0 && entry[1] != 0 && entry[2] > 0)
                    // Two updates in the first phase, three in later ones; what is stored is one less.
                    #expect(entry[3] == (step == 1 ? 1 : 2))
                }
            }
            if step != 1, step != 5 { #expect(after == before) }
            if step == 5 { #expect(life.requests[graft.values.name] == Int(8 * 0.2 * (1 - 6.0 / 40))) }
        }
    }

    @Test func rowsAndColumnsOfLargeMatricesAreExact() throws {
        let site = try #require(try model(6).projections[SingleProjection.path])
        let graft = try SpIELGraft(method(.sm3, count: 3), count: 3, at: site, key: RandomKey(seed: 0), stored: nil)
        // Beyond what fp32 can tell apart.
        let places = try Tensor([Int64]([0, 16_777_217, 33_554_435]))
        let (rows, columns) = try graft.coordinates(of: places)
        #expect(try rows.array(of: Int64.self) == [0, 2_796_202, 5_592_405])
        #expect(try columns.array(of: Int64.self) == [0, 5, 5])
    }

    @Test func optionsThatCannotBeAreRefused() throws {
        let wrong = [
            #"{"density": 0}"#, #"{"selection_accumulation_steps": 20}"#, #"{"initial_reselection_rate": 2}"#,
            #"{"num_tunable_weights": -1}"#, #"{"epsilon": 0}"#,
        ]
        for options in wrong {
            #expect(throws: MethodError.self, "\(options)") { try JSON.Node(JSON.parse(options)).decode(SpIEL.self) }
        }
        let model = try model(4)
        #expect(throws: MethodError.self) {
            try method(.rigl, count: 17).grafts(for: model, key: RandomKey(seed: 0))
        }
    }
}
