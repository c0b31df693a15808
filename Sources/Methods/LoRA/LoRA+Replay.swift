import Golden
import JSON
import Networks
import Torch

extension LoRA {
    /// The layer cases of LoRA, DoRA, PiSSA and OLoRA, and LoftQ's decomposition.
    public static let replays = [
        GoldenReplay("lora", "dora", "pissa", "olora", body: layer), GoldenReplay("loftq", body: loftq),
    ]

    private init(_ golden: GoldenCase) throws {
        self.init()
        r = try golden.config.field("r").count()
        loraAlpha = try golden.config.optional("lora_alpha")?.double() ?? Double(r)
        useRSLoRA = try golden.config.optional("use_rslora")?.bool() ?? false
        useDoRA = golden.slug == "dora"
        targetModules = .list([SingleProjection.path])
        switch golden.slug {
        case "pissa": initLoRAWeights = .pissa(iterations: nil)
        case "olora": initLoRAWeights = .olora
        case "loftq": initLoRAWeights = .loftq
        default: break
        }
    }

    private static func layer(_ golden: GoldenCase) throws -> CaseResult {
        var layer = try LayerCase(golden)
        let set = try LoRA(golden).grafts(for: layer.model, key: RandomKey(seed: 0))
        let graft: LoRAGraft = try layer.graft(set)
        if let expected = try golden.config.optional("scaling")?.double(), abs(expected - graft.scaling) > 1e-9 {
            throw TorchError.invalid("the case's scaling is \(expected), LoRA's is \(graft.scaling)")
        }
        if let magnitude = graft.magnitude {
            layer.produced("out.magnitude_init", try magnitude.value.detach().clone())
        }
        if golden.outputs.contains("out.residual_weight") { try replayStart(&layer, graft) }
        if let magnitude = graft.magnitude {
            try layer.replay(["lora_A": graft.a, "lora_B": graft.b, "magnitude": magnitude])
        } else {
            try layer.replay(["lora_A": graft.a, "lora_B": graft.b])
        }
        try layer.produceMerged()
        return try layer.result()
    }

    /// Starts that leave a residual: what the start gives, and the effective weight after one step of plain SGD from it.
    static func replayStart(_ layer: inout LayerCase, _ graft: LoRAGraft) throws {
        guard let residual = graft.residual else { throw TorchError.invalid("\(layer.golden.slug) made no residual") }
        layer.produced("out.residual_weight", residual)
        layer.produced("out.delta_init", try layer.merged().weight - residual)
        let y = try layer.forward(layer.golden.tensor("in.x"))
        layer.produced("out.y_init", y)
        try (y * layer.golden.tensor("in.cotangent")).sum().backward()
        let rate = try layer.golden.config.field("sgd_lr").double()
        for variable in [graft.a, graft.b] {
            guard let gradient = try variable.value.grad else { continue }
            try variable.load(variable.value.detach() - gradient * rate)
        }
        layer.produced("step1.effective_weight", try layer.merged().weight)
    }

    private static func loftq(_ golden: GoldenCase) throws -> CaseResult {
        var method = try LoRA(golden)
        method.loftqConfig.bits = try golden.config.field("loftq_bits").count()
        method.loraAlpha = Double(method.r)
        let weight = try golden.tensor("base.weight")
        var comparison = Comparison(golden)
        var errors: [Double] = []
        for count in 1...max(1, try golden.config.field("loftq_iter").count()) {
            method.loftqConfig.iterations = count
            let model = try SingleProjection.model(weight: weight, bias: nil)
            let set = try method.grafts(for: model, key: RandomKey(seed: 0))
            guard let graft = set.projections[SingleProjection.path] as? LoRAGraft, let quantized = graft.residual
            else { throw TorchError.invalid("LoftQ made no quantised weight") }
            let product = try graft.b.value.detach().matmul(graft.a.value.detach())
            errors.append(try (weight - quantized - product).norm().item())
            if count == 1 { comparison.produced("out.plain_quantized_weight", quantized) }
            comparison.produced("out.quantized_weight", quantized)
            comparison.produced("out.BA_product", product)
        }
        comparison.produced("out.errors", try Tensor(errors).to(.float32))
        return try comparison.result()
    }
}
