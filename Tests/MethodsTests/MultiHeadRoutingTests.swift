import Golden
import Networks
import Optimization
import Testing
import Torch

@testable import Methods

@Suite struct MultiHeadRoutingTests {
    private func model() throws -> Model {
        try SingleProjection.model(weight: .normal([8, 12], key: RandomKey(seed: 1)), bias: nil)
    }

    /// A graft whose tensors are all drawn.
    private func graft(_ model: Model, _ edit: (inout MultiHeadRouting) -> Void = { _ in }) throws -> SkillGraft {
        var method = MultiHeadRouting()
        (method.nTasks, method.nSkills, method.nSplits, method.r) = (3, 4, 2, 2)
        method.targetModules = .list([SingleProjection.path])
        edit(&method)
        let set = try method.grafts(for: model, key: RandomKey(seed: 0))
        for variable in set.variables {
            try variable.load(.normal(variable.value.shape, key: RandomKey(seed: 9).derived(variable.name)))
        }
        try model.add(set, named: "default")
        return try #require(set.projections.values.first as? SkillGraft)
    }

    private func x() throws -> Tensor { try .normal([4, 5, 12], key: RandomKey(seed: 3)) }

    private func output(_ model: Model, tasks: [Int64]?, isTraining: Bool = false) throws -> Tensor {
        let context = ForwardContext(isTraining: isTraining, key: RandomKey(seed: 6))
        context.taskIDs = try tasks.map { try Tensor($0) }
        return try model(ModelInput(pixelValues: x()), context).lastHiddenState
    }

    @Test func rowsOfAMixedBatchComputeAsTheirTasksMergedWeights() throws {
        let model = try model()
        let graft = try graft(model)
        let site = try #require(model.projections[SingleProjection.path])
        let y = try output(model, tasks: [2, 0, 1, 2])
        for (row, task) in [2, 0, 1, 2].enumerated() {
            let merged = try graft.merged(weight: site.weight.base, task: task, at: site)
            let alone = try site.apply(merged, nil, to: x().narrow(0, row, 1))
            #expect(try (alone - y.narrow(0, row, 1)).abs().amax().item() < 1e-4)
        }
    }

    @Test func aChosenTaskStandsForRowsWithoutNumbersAndIsTheOneThatMerges() throws {
        let model = try model()
        let graft = try graft(model)
        let set = try #require(model.adapters["default"])
        #expect(throws: NetworkError.self) { try output(model, tasks: nil) }
        #expect(throws: MethodError.self) { try model.merge() }
        for task in [-1, 3] { #expect(throws: MethodError.self) { try set.choose(task: task) } }
        try set.choose(task: 1)
        let expected = try output(model, tasks: [1, 1, 1, 1])
        #expect(try (output(model, tasks: nil) - expected).abs().amax().item() < 1e-5)
        #expect(try (output(model, tasks: [1, 2, 1, 1]) - expected).abs().amax().item() > 1e-3)
        let site = try #require(model.projections[SingleProjection.path])
        let weight = try graft.merged(weight: site.weight.base, task: 1, at: site)
        try model.merge()
        #expect(try site.weight.value.isEqual(to: weight))
        #expect(throws: MethodError.self) { try LoRA().grafts(for: model, key: RandomKey(seed: 0)).choose(task: 0) }
    }

    @Test func theOrderOfSkillsDoesNotMatter() throws {
        let model = try model()
        let graft = try graft(model)
        let before = try output(model, tasks: [0, 1, 2, 0])
        let order = try Tensor([2, 0, 3, 1]).to(.int64)
        try graft.a.load(graft.a.value.detach().indexSelect(1, order))
        try graft.b.load(graft.b.value.detach().indexSelect(1, order))
        try graft.logits.load(graft.logits.value.detach().reshape([3, 2, 4]).indexSelect(2, order).reshape([3, 8]))
        #expect(try (output(model, tasks: [0, 1, 2, 0]) - before).abs().amax().item() < 1e-5)
    }

    @Test func equalLogitsMixEvenlyAsTheMeanAdapter() throws {
        let model = try model()
        let graft = try graft(model)
        try graft.logits.load(.full([3, 8], 0.7))
        let context = ForwardContext()
        context.taskIDs = try Tensor([1, 1, 0, 2]).to(.int64)
        let weights: [Float] = try graft.mixingWeights(context).array()
        #expect(weights.allSatisfy { abs($0 - 0.25) < 1e-6 })
        let (a, b) = try graft.mixed(graft.mixingWeights(context))
        let mean = try SkillInventory.mean(graft.a.value.detach(), graft.b.value.detach())
        #expect(try (a.select(0, 0).reshape([2, 6, 2]) - mean.a.squeeze(1)).abs().amax().item() < 1e-5)
        #expect(
            try (b.select(0, 0) - mean.b.squeeze(1).permute([1, 0, 2]).reshape([2, 8])).abs().amax().item() < 1e-5)
    }

    @Test func oneSkillIsLoRA() throws {
        let model = try model()
        let graft = try graft(model) { ($0.nSkills, $0.nSplits, $0.nTasks, $0.loraAlpha) = (1, 1, 1, 6) }
        let a = try graft.a.value.detach().reshape([12, 2])
        let b = try graft.b.value.detach().reshape([2, 8])
        let base = try model.withAdapters([]) { try output(model, tasks: nil) }
        let expected = try base + x().matmul(a).matmul(b) * 3
        #expect(try (output(model, tasks: nil) - expected).abs().amax().item() < 1e-4)
    }

    @Test func gatesAreDrawnInTrainingAlone() throws {
        let model = try model()
        _ = try graft(model)
        let tasks: [Int64] = [0, 1, 2, 0]
        #expect(try output(model, tasks: tasks).isEqual(to: output(model, tasks: tasks)))
        #expect(try !output(model, tasks: tasks, isTraining: true).isEqual(to: output(model, tasks: tasks)))
    }

    @Test func tasksThatAreMissingOrUnknownAreErrors() throws {
        let model = try model()
        _ = try graft(model)
        let missing = #expect(throws: NetworkError.self) { try output(model, tasks: nil) }
        #expect(missing.map { "\($0)".contains("task_column") } == true)
        #expect(throws: NetworkError.self) { try output(model, tasks: [0, 1, 2, 3]) }
        #expect(throws: NetworkError.self) { try output(model, tasks: [0, 1, -1, 2]) }
        #expect(throws: NetworkError.self) { try output(model, tasks: [0, 1]) }
        #expect(throws: MethodError.self) { try model.merge() }
    }

    @Test func headsMustDivideTheLayers() throws {
        #expect(throws: MethodError.self) { try graft(model()) { $0.nSplits = 5 } }
        #expect(throws: MethodError.self) { try graft(model()) { $0.finetuneType = .z } }
    }
}
