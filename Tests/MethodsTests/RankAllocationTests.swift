import Golden
import JSON
import Networks
import Optimization
import Testing
import Torch

@testable import Methods

/// AdaLoRA and IncreLoRA on layers of their own.
@Suite struct RankAllocationTests {
    /// Three layers side by side, each [6, 6].
    private func model() throws -> Model {
        try ProjectionChain.model(
            (0..<3).map {
                .init(path: "l.\($0)", weight: try .normal([6, 6], std: 0.3, key: RandomKey(seed: 5).derived($0)))
            })
    }

    private func moment(_ step: Int, of steps: Int, _ trainables: Trainables, _ model: Model) -> StepMoment {
        StepMoment(
            step: step, totalSteps: steps, epoch: 0, key: RandomKey(seed: 0).derived(step), learningRate: 0.01,
            trainables: trainables, model: model)
    }

    /// The loss of a task for which the second layer must change, and the others hardly.
    private func loss(_ model: Model, _ target: Tensor, _ step: Int) throws -> Tensor {
        let x = try Tensor.normal([32, 6], key: RandomKey(seed: 9).derived(step))
        let errors = try zip(["l.0", "l.1", "l.2"], [0.05, 1, 0.05]).map { path, share in
            let site = try #require(model.projections[path])
            let wanted = try x.linear(site.weight.base, nil) + x.matmul(target) * share
            return try (site(x, ForwardContext(isTraining: true)) - wanted).pow(2).sum()
        }
        return try (errors[0] + errors[1] + errors[2]) / 32
    }

    @Test func theLayerThatMattersKeepsMoreTriplets() throws {
        var method = AdaLoRA()
        (method.initR, method.targetR, method.tinit, method.tfinal, method.deltaT) = (4, 2, 5, 20, 2)
        (method.orthRegWeight, method.loraAlpha) = (0.1, 8)
        method.targetModules = .list(["0", "1", "2"])
        let (model, steps) = (try model(), 80)
        let set = try method.grafts(for: model, key: RandomKey(seed: 3))
        try model.add(set, named: "default")
        let grafts = set.projections.values.compactMap { $0 as? AdaLoRAGraft }
        let plan = TrainingPlan(schedule: .init(peak: 0.01, totalSteps: steps), stepsPerEpoch: steps)
        let life = try #require(try method.lifecycle(of: set, on: model, plan) as? AdaLoRAAllocation)
        let variables = set.variables.filter { $0.role == .trainable }
        let trainables = try Trainables(life.groups(of: variables), optimizer: AdamW())
        let target = try Tensor.normal([6, 6], key: RandomKey(seed: 2))
        var final: [[Bool]] = []
        for step in 0..<steps {
            let now = moment(step, of: steps, trainables, model)
            try trainables.clearGradients()
            try loss(model, target, step).backward()
            try life.penalty(now)?.backward()
            try trainables.step(learningRate: 0.01)
            try life.stepDidEnd(now)
            let kept = try grafts.map { try $0.e.value.detach().array(of: Float.self).map { $0 != 0 } }
            let k = step + 1
            if (6...60).contains(k), k % 2 == 0 { #expect(kept.joined().count { $0 } == life.budget(k)) }
            if k == 60 { final = kept }
            if k > 60 { #expect(kept == final) }
        }
        #expect(final.joined().count { $0 } == 6)
        let ranks = final.map { $0.count { $0 } }
        #expect(ranks[1] > ranks[0] && ranks[1] > ranks[2], "\(ranks)")
    }

    @Test func aScheduleWithoutAPhaseIsRefused() throws {
        var method = AdaLoRA()
        (method.tinit, method.tfinal, method.targetModules) = (5, 5, .list(["0"]))
        let model = try model()
        let set = try method.grafts(for: model, key: RandomKey(seed: 3))
        let short = TrainingPlan(schedule: .init(peak: 0.01, totalSteps: 10), stepsPerEpoch: 10)
        #expect(throws: MethodError.self) { try method.lifecycle(of: set, on: model, short) }
        // The ranks would never be final.
        method.totalStep = 100
        let other = TrainingPlan(schedule: .init(peak: 0.01, totalSteps: 50), stepsPerEpoch: 50)
        #expect(throws: MethodError.self) { try method.lifecycle(of: set, on: model, other) }
        for options in [
            #"{"init_r": 0}"#, #"{"target_r": 13}"#, #"{"beta1": 1}"#, #"{"deltaT": 0}"#, #"{"orth_reg_weight": -1}"#,
            #"{"total_step": 3, "tinit": 2, "tfinal": 1}"#, #"{"rank_pattern": {"l.0.lora_E": [true]}}"#,
        ] {
            #expect(throws: MethodError.self, "\(options)") {
                try JSON.Node(JSON.parse(options)).decode(AdaLoRA.self)
            }
        }
    }

    @Test func aModuleWithoutTripletsIsTheBase() throws {
        let options =
            #"{"init_r": 2, "target_r": 1, "target_modules": ["0"], "rank_pattern": {"base_model.model.l.0.lora_E": [false, false]}}"#
        let method = try JSON.Node(JSON.parse(options)).decode(AdaLoRA.self)
        let model = try model()
        try model.add(method.grafts(for: model, key: RandomKey(seed: 3)), named: "default")
        let site = try #require(model.projections["l.0"])
        let x = try Tensor.normal([3, 6], key: RandomKey(seed: 1))
        #expect(try site(x, ForwardContext()).isEqual(to: x.linear(site.weight.base, nil)))
        #expect(try site.mergedTensors().weight.isEqual(to: site.weight.base))
    }

    @Test(arguments: [true, false])
    func growthEndsAtTheTargetAndLeavesEarlierMomentsAlone(advance: Bool) throws {
        var method = IncreLoRA()
        (method.targetRank, method.increRankNum, method.topH, method.initWarmup, method.increInterval) = (3, 2, 1, 1, 2)
        (method.advanceLearn, method.targetModules) = (advance, .list(["0", "1", "2"]))
        let (model, steps) = (try model(), 16)
        let set = try method.grafts(for: model, key: RandomKey(seed: 3))
        try model.add(set, named: "default")
        let schedule = LearningRateSchedule(peak: 0.01, warmupSteps: 2, totalSteps: steps)
        let life = try #require(
            try method.lifecycle(of: set, on: model, TrainingPlan(schedule: schedule, stepsPerEpoch: steps))
                as? IncreLoRAGrowth)
        let variables = set.variables.filter { $0.role == .trainable }
        let trainables = try Trainables(
            life.groups(of: variables), optimizer: AdamW(), schedule: schedule,
            onReplaced: { [unowned model] in try model.refresh() })
        let target = try Tensor.normal([6, 6], key: RandomKey(seed: 2))
        var growths = 0
        for step in 0..<steps {
            let now = moment(step, of: steps, trainables, model)
            try life.stepWillBegin(now)
            try trainables.clearGradients()
            try loss(model, target, step).backward()
            try life.microBatchDidEnd(now)
            try life.penalty(now)?.backward()
            let (total, before) = (try life.total, try trainables.state().tensors)
            try life.gradientsReady(now)
            if try life.total > total {
                growths += 1
                let after = Dictionary(uniqueKeysWithValues: try trainables.state().tensors)
                for (name, tensor) in before { #expect(try after[name]?.isEqual(to: tensor) == true, "\(name)") }
            }
            try trainables.step(learningRate: schedule.rate(step: step), at: step)
        }
        // From 3 to 9 by 2.
        #expect(try life.total == 9 && growths == 3 && life.finalisedAt == 6)
        #expect(trainables.groups.count == 1 + (advance ? 1 : 0) + growths)
        for graft in life.grafts {
            let reserve = try #require(graft.reserve)
            #expect(try reserve.e.value.isEqual(to: .zeros([2, 1])))
            #expect(!graft.isMeasuring || life.finalisedAt == nil)
        }
        // The module that matters grew most.
        let ranks = try life.grafts.map { try $0.rank }
        #expect(ranks[1] == ranks.max())
        let site = try #require(model.projections["l.1"])
        let x = try Tensor.normal([3, 6], key: RandomKey(seed: 1))
        let merged = try x.linear(site.mergedTensors().weight, nil)
        #expect(try (site(x, ForwardContext()) - merged).abs().amax().item() < 1e-5)
    }

    @Test func anExactBudgetIsNotPassed() throws {
        for (isExact, total) in [(false, 5), (true, 3)] {
            var method = IncreLoRA()
            (method.targetTotalRank, method.increRankNum, method.topH) = (4, 2, 3)
            (method.initWarmup, method.increInterval, method.exactBudget) = (0, 1, isExact)
            method.targetModules = .list(["0"])
            let model = try model()
            let set = try method.grafts(for: model, key: RandomKey(seed: 3))
            let life = IncreLoRAGrowth(method, set.projections.values.compactMap { $0 as? IncreLoRAGraft })
            let schedule = LearningRateSchedule(peak: 0.01, totalSteps: 9)
            let trainables = try Trainables(life.groups(of: []), optimizer: AdamW(), schedule: schedule)
            for step in 0..<5 { try life.allocate([1], at: step, trainables) }
            #expect(try life.total == total)
            #expect((life.finalisedAt != nil) == isExact)
        }
    }

    @Test func theScoreIsThatOfTheMaterialisedProduct() throws {
        var method = IncreLoRA()
        method.targetModules = .list(["0"])
        let model = try model()
        let set = try method.grafts(for: model, key: RandomKey(seed: 3))
        try model.add(set, named: "default")
        let graft = try #require(set.projections["l.0"] as? IncreLoRAGraft)
        try graft.pieces[0].e.load(Tensor([Float(0.7)], shape: [1, 1]))
        let site = try #require(model.projections["l.0"])
        let x = try Tensor.normal([2, 5, 6], key: RandomKey(seed: 1))
        graft.isMeasuring = true
        try site(x, ForwardContext(isTraining: true)).pow(2).sum().backward()
        let score = try #require(try graft.takeScore())
        #expect(try graft.takeScore() == nil)

        let delta = try graft.delta(dtype: .float32).detach().clone().setRequiresGrad(true)
        try x.linear(site.weight.base + delta, nil).pow(2).sum().backward()
        let gradient = try #require(try delta.grad)
        let expected = try (delta.detach() * gradient).abs().sum().item() / 6
        #expect(abs(score - expected) < 1e-4 * expected)
    }
}
