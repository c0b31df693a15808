import JSON
import Methods
import Networks
import Optimization
import Testing
import Torch

@Suite struct VeRATests {
    private func pair(_ change: (inout VeRA) -> Void = { _ in }) -> VeRA {
        var method = VeRA()
        method.r = 3
        method.targetModules = .list(LinearPair.paths)
        change(&method)
        return method
    }

    private func grafts(_ set: GraftSet) throws -> [VeRAGraft] {
        try LinearPair.paths.map { try #require(set.projections[$0] as? VeRAGraft) }
    }

    @Test func aFreshAdapterIsTheBaseAndMovesOnlyItsOutputs() throws {
        let model = try LinearPair.model()
        let base = try LinearPair.output(model)
        let set = try pair().grafts(for: model, key: RandomKey(seed: 0))
        try model.add(set, named: "default")
        let y = try LinearPair.output(model)
        #expect(try y.isEqual(to: base))
        try (y * y).sum().backward()
        for graft in try grafts(set) {
            #expect(try #require(try graft.lambdaD.value.grad).abs().amax().item() == 0)
            #expect(try #require(try graft.lambdaB.value.grad).abs().amax().item() > 0)
        }
    }

    @Test func allLayersShareOnePairOfTheLargestSizes() throws {
        let model = try LinearPair.model()
        let set = try pair().grafts(for: model, key: RandomKey(seed: 0))
        let grafts = try grafts(set)
        #expect(grafts[0].pair.a === grafts[1].pair.a && grafts[0].pair.b === grafts[1].pair.b)
        #expect(try grafts[0].pair.a.value.shape == [3, 8])
        #expect(try grafts[0].pair.b.value.shape == [8, 3])
        let trainable = set.variables.filter { $0.role == .trainable }
        #expect(try trainable.reduce(0) { try $0 + $1.value.count } == (3 + 8) + (3 + 4))
        #expect(set.variables.filter { $0.role == .frozen }.map(\.name) == ["vera_A", "vera_B"])
    }

    /// What torch's `empty(3, 6).uniform_(…)` and then `empty(5, 3).uniform_(…)` give after `manual_seed(11)`.
    @Test func thePairIsWhatTorchDrawsFromTheKey() throws {
        let model = try LinearPair.single(input: 6, output: 5)
        let method = pair {
            $0.projectionPRNGKey = 11
            $0.saveProjection = false
            $0.targetModules = .list(["layer"])
        }
        let set = try method.grafts(for: model, key: RandomKey(seed: 4))
        let graft = try #require(set.projections["layer"] as? VeRAGraft)
        let (a, b): ([Float], [Float]) = (try graft.pair.a.value.array(), try graft.pair.b.value.array())
        #expect(a.prefix(3) == [-0.7019165754318237, -0.0268937349319458, 0.9713230133056641])
        #expect(a.last == 0.5199943780899048)
        #expect(b.prefix(3) == [0.8585461378097534, 0.7503725290298462, 1.0490728616714478])
        #expect(b.last == -0.7246304154396057)
        #expect(graft.pair.a.role == .seeded && graft.pair.b.role == .seeded)
    }

    @Test func mergedComputesTheSame() throws {
        let model = try LinearPair.model()
        let set = try pair().grafts(for: model, key: RandomKey(seed: 0))
        try set.perturb()
        let base = try LinearPair.output(model)
        try model.add(set, named: "default")
        let adapted = try LinearPair.output(model)
        #expect(try adapted.difference(base) > 0.1)
        try model.merge()
        #expect(try LinearPair.output(model).difference(adapted) < 1e-4)
    }

    /// Two projections of one input share x Aᵀ in one forward; with a forward for each nothing is shared.
    @Test(arguments: [0.0, 0.5])
    func sharingAnInputChangesNothing(dropout: Double) throws {
        func run(shared: Bool) throws -> (output: Tensor, gradients: [Tensor]) {
            let model = try LinearPair.model()
            let set = try pair { $0.veraDropout = dropout }.grafts(for: model, key: RandomKey(seed: 0))
            try set.perturb()
            try model.add(set, named: "default")
            let site = try #require(model.projections["first"])
            let x = try LinearPair.input(rows: 3).setRequiresGrad(true)
            let contexts = (0..<2).map { _ in ForwardContext(isTraining: true, key: RandomKey(seed: 9)) }
            let (one, two) = (try site(x, contexts[0]), try site(x, contexts[shared ? 0 : 1]))
            try (one * two).sum().backward()
            let graft = try grafts(set)[0]
            return (
                try one.detach(),
                try [x, graft.lambdaD.value, graft.lambdaB.value].map { try #require(try $0.grad) }
            )
        }
        let (shared, apart) = (try run(shared: true), try run(shared: false))
        #expect(try shared.output.isEqual(to: apart.output))
        for (a, b) in zip(shared.gradients, apart.gradients) { #expect(try a.difference(b) < 1e-4) }
    }

    /// Alone its projection is one node, beside another graft it is not.
    @Test func besideAnotherGraftItComputesWhatItDoesAlone() throws {
        func run(beside: Bool) throws -> (output: Tensor, gradients: [Tensor]) {
            let model = try LinearPair.model()
            let set = try pair().grafts(for: model, key: RandomKey(seed: 0))
            try set.perturb()
            try model.add(set, named: "default")
            if beside {
                // A fresh LoRA changes nothing.
                var lora = LoRA()
                lora.targetModules = .list(LinearPair.paths)
                try model.add(lora.grafts(for: model, key: RandomKey(seed: 1)), named: "other")
            }
            let output = try LinearPair.output(model)
            try (output * output).sum().backward()
            let trained = set.variables.filter { $0.role == .trainable }
            return (try output.detach(), try trained.map { try #require(try $0.value.grad) })
        }
        let (alone, together) = (try run(beside: false), try run(beside: true))
        #expect(try alone.output.difference(together.output) < 1e-4)
        for (a, b) in zip(alone.gradients, together.gradients) {
            #expect(try a.difference(b) < 1e-5 * max(1, b.abs().amax().item()))
        }
    }

    @Test func bothVectorsFitARankOneTeacherBetterThanThatOfTheOutputs() throws {
        let teacher = try Tensor.normal([8, 1], key: RandomKey(seed: 1)).matmul(
            .normal([1, 5], key: RandomKey(seed: 2)))
        func error(training lambdas: (VeRAGraft) -> [Variable]) throws -> Double {
            let model = try LinearPair.model()
            let site = try #require(model.projections["first"])
            let method = pair {
                $0.r = 64
                $0.targetModules = .list(["first"])
            }
            let set = try method.grafts(for: model, key: RandomKey(seed: 0))
            let graft = try #require(set.projections["first"] as? VeRAGraft)
            try model.add(set, named: "default")
            let x = try LinearPair.input(rows: 32)
            let wanted = try x.linear(site.weight.base + teacher, site.bias?.base)
            let trainables = try Trainables([ParameterGroup("all", lambdas(graft))], optimizer: AdamW())
            var last = 0.0
            for _ in 0..<200 {
                try trainables.clearGradients()
                let difference = try site(x, ForwardContext()) - wanted
                let loss = try (difference * difference).mean()
                try loss.backward()
                try trainables.step(learningRate: 1e-2)
                last = try loss.item()
            }
            return last
        }
        #expect(try error { [$0.lambdaD, $0.lambdaB] } < 0.5 * error { [$0.lambdaB] })
    }

    @Test func withoutItsStartItIsNotTheBase() throws {
        let model = try LinearPair.model()
        let base = try LinearPair.output(model)
        try model.add(pair { $0.initWeights = false }.grafts(for: model, key: RandomKey(seed: 0)), named: "default")
        #expect(try LinearPair.output(model).difference(base) > 0.1)
    }

    @Test(
        arguments: [
            ("r", JSON.int(0)), ("vera_dropout", 1.0), ("bias", "lora_only"), ("layers_pattern", "layers"),
        ] as [(String, JSON)])
    func optionsThatCannotBeAreNamed(key: String, value: JSON) throws {
        let error = #expect(throws: MethodError.self) {
            try JSON.Node(.object([key: value])).decode(VeRA.self)
        }
        #expect(error.map { "\($0)" }?.hasPrefix(key) == true)
    }
}
