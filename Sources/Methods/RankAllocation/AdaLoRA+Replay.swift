import Golden
import Networks
import Optimization
import Torch

extension AdaLoRA {
    /// The layer, the orthogonality and the allocation.
    public static let replays = [GoldenReplay("adalora", body: trace)]

    private init(_ golden: GoldenCase, layers: [String]) throws {
        self = try MethodConfiguration.options(of: AdaLoRA.self, in: golden)
        targetModules = .list(layers)
    }

    private static func trace(_ golden: GoldenCase) throws -> CaseResult {
        var layers: [String] = []
        while try golden.optional("base.\(layers.count).weight") != nil { layers.append("\(layers.count)") }
        var layer = try LayerCase(golden, layers: layers)
        let method = try AdaLoRA(golden, layers: layers)
        let set = try method.grafts(for: layer.model, key: RandomKey(seed: 0))
        try layer.add(set)
        let grafts = set.projections.values.compactMap { $0 as? AdaLoRAGraft }
        for (index, graft) in grafts.enumerated() {
            for (name, variable) in named(graft) { try variable.load(golden.tensor("param.\(index).\(name)")) }
        }
        try replayLayer(&layer, grafts)
        let steps = try golden.config.field("steps").count(from: 0)
        let rate = try golden.config.field("sgd_lr").double()
        let plan = TrainingPlan(
            schedule: LearningRateSchedule(shape: .constant, peak: rate, totalSteps: steps), stepsPerEpoch: steps)
        let allocation = try AdaLoRAAllocation(method, grafts, plan)
        let trainables = try Trainables(
            [ParameterGroup("adapter", grafts.flatMap { [$0.a, $0.e, $0.b] })], optimizer: SGD())
        func moment(_ step: Int) -> StepMoment {
            StepMoment(
                step: step, totalSteps: steps, epoch: 0, key: RandomKey(seed: 0), learningRate: rate,
                trainables: trainables, model: layer.model)
        }
        if let penalty = try allocation.penalty(moment(0)) {
            layer.produced("out.orth_loss", try penalty.detach())
            try trainables.clearGradients()
            try penalty.backward()
            for (index, graft) in grafts.enumerated() {
                for (name, variable) in named(graft) {
                    guard let gradient = try trainables.gradient(of: variable) else { continue }
                    layer.produced("grad_orth.\(index).\(name)", try gradient.clone())
                }
            }
        }
        var (budgets, ranks): ([Int64], [Int64]) = ([], [])
        for k in 1...max(1, steps) {
            for (index, graft) in grafts.enumerated() {
                for (name, variable) in named(graft) {
                    try trainables.setGradient(of: variable, to: golden.tensor("in.step\(k).\(index).\(name)"))
                }
            }
            try trainables.step(learningRate: rate)
            try allocation.stepDidEnd(moment(k - 1))
            budgets.append(Int64(allocation.budget(k)))
            for (index, graft) in grafts.enumerated() {
                ranks.append(try Int64(graft.e.value.detach().ne(0).to(.float32).sum().item()))
                for (name, variable) in named(graft) {
                    layer.produced("step\(k).\(index).\(name)", try variable.value.detach().clone())
                }
            }
        }
        layer.produced("out.budget", try Tensor(budgets))
        layer.produced("out.kept_ranks", try Tensor(ranks, shape: [steps, grafts.count]))
        return try layer.result()
    }

    /// The forward, the backward and the merge of the first layer.
    private static func replayLayer(_ layer: inout LayerCase, _ grafts: [AdaLoRAGraft]) throws {
        let x = try layer.golden.tensor("in.x").clone().setRequiresGrad(true)
        let y = try layer.forward(x, through: "0")
        layer.produced("out.y", y)
        try (y * layer.golden.tensor("in.cotangent")).sum().backward()
        if let gradient = try x.grad { layer.produced("grad.x", gradient) }
        for (index, graft) in grafts.enumerated() {
            for (name, variable) in named(graft) {
                if let gradient = try variable.value.grad { layer.produced("grad.\(index).\(name)", gradient) }
                try variable.value.setGrad(nil)
            }
        }
        layer.produced("out.merged_weight", try layer.merged("0").weight)
    }

    private static func named(_ graft: AdaLoRAGraft) -> [(String, Variable)] {
        [("lora_A", graft.a), ("lora_E", graft.e), ("lora_B", graft.b)]
    }
}
