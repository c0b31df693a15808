import Golden
import Networks
import Torch

extension MultiHeadRouting {
    /// Layer cases of rows that belong to several tasks.
    public static let replays = [GoldenReplay("mhr", "poly", body: layer)]

    private init(_ golden: GoldenCase) throws {
        self.init()
        let config = golden.config
        r = try config.field("r").int()
        loraAlpha = try config.optional("lora_alpha")?.double() ?? 1
        nTasks = try config.field("n_tasks").int()
        nSkills = try config.field("n_skills").int()
        nSplits = try config.field("n_splits").int()
        relaxedBernoulli = try config.optional("relaxed_bernoulli")?.bool() ?? false
        temperature = try config.optional("temperature")?.double() ?? 1
        targetModules = .list([SingleProjection.path])
        try validate()
    }

    private static func layer(_ golden: GoldenCase) throws -> CaseResult {
        let method = try MultiHeadRouting(golden)
        var layer = try LayerCase(golden)
        let graft: SkillGraft = try layer.graft(method.grafts(for: layer.model, key: RandomKey(seed: 0)))
        let context = ForwardContext(isTraining: true)
        context.taskIDs = try golden.tensor("in.task_ids")
        if method.relaxedBernoulli {
            graft.uniform = { _, _ in
                let others = golden.names(beginningWith: "in.").filter { !["x", "cotangent", "task_ids"].contains($0) }
                guard let name = others.first(where: { $0.contains("unif") || $0 == "u" || $0.contains("rand") }) else {
                    throw GoldenError.unread("it draws its gates and has no in.uniform")
                }
                return try golden.tensor("in.\(name)")
            }
        }
        try layer.replay(["lora_A": graft.a, "lora_B": graft.b, "module_logits": graft.logits], context)
        layer.produced("out.mixing_weights", try graft.mixingWeights(context))
        if let site = layer.model.projections[SingleProjection.path] {
            let merged = try (0..<method.nTasks).map { task in
                try graft.merged(weight: site.weight.base, task: task, at: site)
            }
            layer.produced("out.merged_weight_per_task", try Tensor.stack(merged))
            try replayMean(method, graft, at: site, &layer)
        }
        return try layer.result()
    }

    /// MHR-mu, from the case's skills.
    private static func replayMean(
        _ routed: MultiHeadRouting, _ skills: SkillGraft, at site: Projection, _ layer: inout LayerCase
    ) throws {
        var method = routed
        method.finetuneType = .mu
        let mean = try SkillGraft(
            method, at: site, inventory: SkillInventory.mean(skills.a.value.detach(), skills.b.value.detach()),
            key: RandomKey(seed: 0))
        let (a, b) = try mean.mixed(mean.mixingWeights(ForwardContext()))
        layer.produced("out.mu_A", try a.select(0, 0))
        layer.produced("out.mu_B", try b.select(0, 0))
        layer.produced("out.mu_merged_weight", try mean.merged(weight: site.weight.base, task: 0, at: site))
        let x = try layer.golden.tensor("in.x")
        let base = try site.apply(site.weight.base, site.bias?.base, to: x)
        layer.produced("out.mu_y", try mean.adding(to: base, base: base, x: x, at: site, ForwardContext()))
    }
}
