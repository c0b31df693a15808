import JSON
import Methods
import Networks
import Optimization
import Testing
import Torch

@Suite struct IA3Tests {
    private func pair() -> IA3 {
        var method = IA3()
        method.targetModules = .list(LinearPair.paths)
        method.feedforwardModules = .list(["second"])
        return method
    }

    @Test func aFreshAdapterIsTheBaseExactlyAndADrawnOneIsNot() throws {
        let model = try LinearPair.model()
        let base = try LinearPair.output(model)
        var method = pair()
        try model.add(method.grafts(for: model, key: RandomKey(seed: 0)), named: "ones")
        #expect(try LinearPair.output(model).isEqual(to: base))
        try model.remove("ones")
        method.initIA3Weights = false
        try model.add(method.grafts(for: model, key: RandomKey(seed: 0)), named: "drawn")
        #expect(try LinearPair.output(model).difference(base) > 0.1)
    }

    @Test func twoAdaptersMultiplyAndSwitchingThemOffRestoresTheBase() throws {
        let model = try LinearPair.model()
        let base = try LinearPair.output(model)
        let sets = try (0..<2).map { try pair().grafts(for: model, key: RandomKey(seed: $0)) }
        for (index, set) in sets.enumerated() {
            try set.perturb(by: Double(index + 1) * 0.3)
            try model.add(set, named: "\(index)")
        }
        let both = try LinearPair.output(model)
        let product = try pair().grafts(for: model, key: RandomKey(seed: 2))
        for ((one, two), three) in zip(zip(sets[0].variables, sets[1].variables), product.variables) {
            try three.load(one.value.detach() * two.value.detach())
        }
        try model.add(product, named: "product")
        try model.activate(["product"])
        #expect(try LinearPair.output(model).difference(both) < 1e-5)
        try model.activate([])
        #expect(try LinearPair.output(model).isEqual(to: base))
    }

    @Test func mergingScalesRowsWithTheirBiasesAndColumnsWithout() throws {
        let model = try LinearPair.model()
        let base = try LinearPair.output(model)
        let set = try pair().grafts(for: model, key: RandomKey(seed: 0))
        try set.perturb()
        try model.add(set, named: "default")
        let adapted = try LinearPair.output(model)
        let bias = try #require(model.projections["first"]?.bias)
        let scale = try #require(set.projections["first"] as? IA3Graft).scale.value.detach()
        try model.merge()
        #expect(try LinearPair.output(model).difference(adapted) < 1e-5)
        #expect(try bias.value.difference(bias.base * scale.reshape([-1])) < 1e-6)
        try model.unmerge()
        try model.activate([])
        #expect(try LinearPair.output(model).isEqual(to: base))
    }

    @Test(arguments: [false, true]) func convolutionsOfSeveralGroupsMerge(scalesInput: Bool) throws {
        let builder = NetworkBuilder(source: RandomWeights(), options: .init(drawsMissing: true))
        var shape = Projection.Convolution(input: 6, output: 4, kernel: [2, 3], stride: [1, 1])
        shape.groups = 2
        let site = try Projection.convolution(builder.root("conv"), shape)
        try withoutGradients {
            for (index, parameter) in [site.weight, site.bias].compactMap({ $0 }).enumerated() {
                try parameter.base.copyInPlace(.normal(parameter.base.shape, key: RandomKey(seed: index)))
            }
        }
        let model = Model(OneConvolution(site), builder)
        var method = IA3()
        method.targetModules = .list(["conv"])
        method.feedforwardModules = .list(scalesInput ? ["conv"] : [])
        let set = try method.grafts(for: model, key: RandomKey(seed: 0))
        try set.perturb()
        let x = ModelInput(pixelValues: try .normal([2, 6, 5, 5], key: RandomKey(seed: 9)))
        let base = try model(x).lastHiddenState
        try model.add(set, named: "default")
        let adapted = try model(x).lastHiddenState
        #expect(try adapted.difference(base) > 0.1)
        try model.merge()
        #expect(try model(x).lastHiddenState.difference(adapted) < 1e-5)
    }

    @Test(arguments: [[], ["first"]]) func learnsATeacherThatRescalesChannels(inputs: [String]) throws {
        let model = try LinearPair.model()
        var method = IA3()
        method.targetModules = .list(["first"])
        method.feedforwardModules = .list(inputs)
        let teacher = try method.grafts(for: model, key: RandomKey(seed: 0))
        try teacher.perturb()
        try model.add(teacher, named: "teacher")
        let wanted = try LinearPair.output(model, rows: 64).detach()
        let student = try method.grafts(for: model, key: RandomKey(seed: 1))
        try model.add(student, named: "student")
        try model.activate(["student"])
        let trainables = try Trainables(
            [ParameterGroup("all", student.variables)], optimizer: AdamW(), onReplaced: { try model.refresh() })
        for step in 0..<400 {
            try trainables.clearGradients()
            let error = try LinearPair.output(model, rows: 64) - wanted
            try (error * error).mean().backward()
            try trainables.step(learningRate: step < 250 ? 0.05 : 0.005)
        }
        #expect(try LinearPair.output(model, rows: 64).difference(wanted) < 1e-3)
    }

    @Test func theVectorsDoNotDecay() throws {
        let model = try LinearPair.model()
        let set = try pair().grafts(for: model, key: RandomKey(seed: 0))
        let plan = TrainingPlan(schedule: LearningRateSchedule(peak: 0.1, totalSteps: 1), stepsPerEpoch: 1)
        let groups = try #require(try pair().lifecycle(of: set, on: model, plan)).groups(of: set.variables)
        #expect(groups.map(\.name) == ["scales"] && groups.first?.weightDecay == 0)
    }

    @Test func whatCannotBeIsSaidByName() throws {
        let stray = #expect(throws: MethodError.self) {
            try JSON.Node(["target_modules": ["k"], "feedforward_modules": ["ff"]]).decode(IA3.self)
        }
        #expect(stray.map { "\($0)" }?.contains("`ff` is not among target_modules") == true)
        let model = try LinearPair.model()
        var method = pair()
        method.feedforwardModules = .pattern("secnd")
        let unmatched = #expect(throws: MethodError.self) { try method.grafts(for: model, key: RandomKey(seed: 0)) }
        #expect(unmatched.map { "\($0)" }?.contains("the nearest is `second`") == true)
        let unnamed = #expect(throws: MethodError.self) { try IA3().grafts(for: model, key: RandomKey(seed: 0)) }
        #expect(unnamed.map { "\($0)" }?.contains("name the modules") == true)
    }
}

/// A network of one convolution.
private final class OneConvolution: Network {
    private let site: Projection

    init(_ site: Projection) { self.site = site }

    func callAsFunction(_ input: ModelInput, _ context: ForwardContext) throws -> ModelOutput {
        let y = try site(input.requiredPixels(), context)
        return ModelOutput(logits: y, lastHiddenState: y)
    }
}
