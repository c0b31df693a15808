import JSON
import Methods
import Networks
import Optimization
import Testing
import Torch

@Suite struct KaSATests {
    private func method(_ change: (inout KaSA) -> Void = { _ in }) -> KaSA {
        var method = KaSA()
        method.r = 2
        method.targetModules = .list(LinearPair.paths)
        change(&method)
        return method
    }

    private func grafts(_ set: GraftSet) throws -> [KaSAGraft] {
        try LinearPair.paths.map { try #require(set.projections[$0] as? KaSAGraft) }
    }

    /// Singular values that are not zero.
    private func rank(_ matrix: Tensor) throws -> Int {
        let values: [Float] = try matrix.svd().s.array()
        return values.filter { $0 > 1e-4 }.count
    }

    private func penalty(_ method: KaSA, _ set: GraftSet, _ model: Model) throws -> Tensor {
        let schedule = LearningRateSchedule(peak: 1, totalSteps: 1)
        let lifecycle = try #require(
            try method.lifecycle(of: set, on: model, TrainingPlan(schedule: schedule, stepsPerEpoch: 1)))
        let moment = StepMoment(
            step: 0, totalSteps: 1, epoch: 0, key: RandomKey(seed: 0), learningRate: 1,
            trainables: try Trainables([], optimizer: AdamW()), model: model)
        return try #require(try lifecycle.penalty(moment))
    }

    @Test func aFreshAdapterIsTheTruncatedBase() throws {
        let model = try LinearPair.model()
        let set = try method().grafts(for: model, key: RandomKey(seed: 0))
        let grafts = try grafts(set)
        // 8 × 5 loses two of five components; of 4 × 8 the release drops none, since it keeps 8 - 2.
        let truncated = try #require(grafts[0].residual)
        #expect(try rank(truncated) == 3)
        #expect(grafts[1].residual == nil)
        try model.add(set, named: "default")
        let site = try #require(model.projections["first"])
        let second = try #require(model.projections["second"])
        let expected = try LinearPair.input().linear(truncated, site.bias?.base).linear(second.weight.base)
        #expect(try LinearPair.output(model).difference(expected) < 1e-5)
    }

    @Test func countedFromTheSmallerSideEveryLayerLosesItsTail() throws {
        let model = try LinearPair.model()
        let set = try method { $0.truncateRankFrom = .smallest }.grafts(for: model, key: RandomKey(seed: 0))
        #expect(try grafts(set).map { try rank(#require($0.residual)) } == [3, 2])
    }

    @Test(arguments: KaSA.Truncation.allCases) func mergingReplacesTheBaseOnce(truncation: KaSA.Truncation) throws {
        let model = try LinearPair.model()
        let base = try LinearPair.output(model)
        let set = try method { $0.truncateRankFrom = truncation }.grafts(for: model, key: RandomKey(seed: 0))
        try set.perturb()
        // Another adapter beside it keeps what it adds, before and after.
        var lora = LoRA()
        lora.targetModules = .list(LinearPair.paths)
        let other = try lora.grafts(for: model, key: RandomKey(seed: 1))
        try other.perturb()
        try model.add(set, named: "kasa")
        try model.add(other, named: "lora")
        for order in [["kasa"], ["kasa", "lora"], ["lora", "kasa"]] {
            try model.activate(order)
            let adapted = try LinearPair.output(model)
            try model.merge()
            let scale = try adapted.abs().amax().item()
            #expect(try LinearPair.output(model).difference(adapted) < 1e-5 * max(1, scale), "\(order)")
            try model.unmerge()
        }
        try model.activate([])
        #expect(try LinearPair.output(model).isEqual(to: base))
    }

    @Test(arguments: [(KaSA.Gram.outer, 2), (.outer, 4), (.inner, 2)])
    func theLossIsThatOfTheGramMatrices(gram: KaSA.Gram, rank: Int) throws {
        let model = try LinearPair.model()
        let method = method {
            ($0.beta, $0.gamma, $0.orthoGram, $0.r) = (0.3, 0.7, gram, rank)
        }
        let set = try method.grafts(for: model, key: RandomKey(seed: 0))
        try set.perturb()
        let loss = try penalty(method, set, model)
        try loss.backward()
        let grafts = try grafts(set)
        let gradients = try grafts.flatMap(\.variables).map { try #require(try $0.value.grad).clone() }
        for variable in set.variables { try variable.value.setGrad(nil) }
        var sum = try Tensor.scalar(0)
        for graft in grafts {
            let (a, b, d) = (graft.a.value, graft.b.value, graft.diagonal.value)
            let (left, right) =
                try gram == .outer
                ? (a.t().matmul(a), b.matmul(b.t())) : (a.matmul(a.t()), b.t().matmul(b))
            for matrix in [left, right] {
                let size = try matrix.size(0)
                let identity = try Tensor.ones([size, size]).tril().triu()
                sum = try sum + (matrix - identity).norm() * 0.7
            }
            sum = try sum + (d * d).sum() * 0.3
        }
        let naive = try sum / 2
        #expect(try loss.difference(naive) < 1e-4)
        try naive.backward()
        for (found, variable) in zip(gradients, grafts.flatMap(\.variables)) {
            #expect(try found.difference(#require(try variable.value.grad)) < 1e-4, "\(variable.name)")
        }
    }

    @Test func orthonormalFactorsHaveNoGradientOfTheSmallMatrices() throws {
        let model = try LinearPair.model()
        let method = method { ($0.beta, $0.gamma, $0.orthoGram) = (0, 1, .inner) }
        let set = try method.grafts(for: model, key: RandomKey(seed: 0))
        for graft in try grafts(set) {
            let (rows, columns) = (try graft.a.value.size(1), try graft.b.value.size(0))
            try graft.a.load(Tensor.ones([2, rows]).tril().triu())
            try graft.b.load(Tensor.ones([columns, 2]).tril().triu())
        }
        let loss = try penalty(method, set, model)
        #expect(try loss.item() == 0)
        try loss.backward()
        for variable in set.variables {
            if let gradient = try variable.value.grad { #expect(try gradient.abs().amax().item() == 0) }
        }
    }

    @Test func theLossAloneMakesTheFactorsOrthonormal() throws {
        let model = try LinearPair.model()
        let method = method { ($0.beta, $0.gamma) = (0, 10) }
        let set = try method.grafts(for: model, key: RandomKey(seed: 0))
        try set.perturb()
        let trainables = try Trainables([ParameterGroup("all", set.variables)], optimizer: AdamW())
        for step in 0..<400 {
            try trainables.clearGradients()
            try penalty(method, set, model).backward()
            try trainables.step(learningRate: step < 250 ? 0.02 : 0.001)
        }
        for graft in try grafts(set) {
            let (a, b) = (graft.a.value, graft.b.value)
            let identity = try Tensor.ones([2, 2]).tril().triu()
            #expect(try a.matmul(a.t()).difference(identity) < 0.02)
            #expect(try b.t().matmul(b).difference(identity) < 0.02)
        }
    }

    @Test(
        arguments: [("r", JSON.int(0)), ("gamma", -1.0), ("ortho_gram", "both"), ("truncate_rank_from", "out")]
            as [(String, JSON)])
    func optionsThatCannotBeAreNamed(key: String, value: JSON) throws {
        let error = #expect(throws: MethodError.self) { try JSON.Node(.object([key: value])).decode(KaSA.self) }
        #expect(error.map { "\($0)" }?.hasPrefix(key) == true)
    }

    @Test func aRankThatLeavesNothingIsRefused() throws {
        let model = try LinearPair.model()
        let error = #expect(throws: MethodError.self) {
            try method { $0.r = 5 }.grafts(for: model, key: RandomKey(seed: 0))
        }
        #expect(error.map { "\($0)" } == "r: rank 5 leaves nothing of first, whose weight is [8, 5]")
    }
}
