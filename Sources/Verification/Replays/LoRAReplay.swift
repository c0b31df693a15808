import JSON
import Methods
import Networks
import Torch

/// Replays the layer cases of LoRA, DoRA, PiSSA and OLoRA and LoftQ's decomposition through the grafts that train.
struct LoRAReplay: Replay {
    let slugs = ["lora", "dora", "pissa", "olora", "loftq"]

    func run(_ golden: GoldenCase) throws -> CaseResult {
        golden.slug == "loftq" ? try loftq(golden) : try layer(golden)
    }

    private func method(_ golden: GoldenCase) throws -> LoRA {
        var method = LoRA()
        method.r = try golden.config.field("r").int()
        method.loraAlpha = try golden.config.optional("lora_alpha")?.double() ?? Double(method.r)
        method.useRSLoRA = try golden.config.optional("use_rslora")?.bool() ?? false
        method.useDoRA = golden.slug == "dora"
        method.targetModules = .list([SingleProjection.path])
        switch golden.slug {
        case "pissa": method.initLoRAWeights = .pissa(iterations: nil)
        case "olora": method.initLoRAWeights = .olora
        case "loftq": method.initLoRAWeights = .loftq
        default: break
        }
        return method
    }

    private func layer(_ golden: GoldenCase) throws -> CaseResult {
        let (weight, bias) = (try golden.tensor("base.weight"), try golden.optional("base.bias"))
        let model = try SingleProjection.model(weight: weight, bias: bias)
        let set = try method(golden).grafts(for: model, key: RandomKey(seed: 0))
        guard let graft = set.projections[SingleProjection.path] as? LoRAGraft else {
            throw TorchError.invalid("LoRA made no graft for the layer")
        }
        if let expected = try golden.config.optional("scaling")?.double(), abs(expected - graft.scaling) > 1e-9 {
            throw TorchError.invalid("the case's scaling is \(expected), LoRA's is \(graft.scaling)")
        }
        try model.add(set, named: "default")
        var comparison = Comparison(golden)
        if let magnitude = graft.magnitude {
            comparison.produced("out.magnitude_init", try magnitude.value.detach().clone())
        }
        if golden.outputs.contains("out.residual_weight") {
            try replayStart(golden, model, graft, &comparison)
        }

        try graft.a.load(golden.tensor("param.lora_A"))
        try graft.b.load(golden.tensor("param.lora_B"))
        if let magnitude = graft.magnitude { try magnitude.load(golden.tensor("param.magnitude")) }
        let x = try golden.tensor("in.x").clone().setRequiresGrad(true)
        let y = try forward(model, x)
        comparison.produced("out.y", y)
        try graft.variables.forEach { try $0.value.setGrad(nil) }
        try (y * golden.tensor("in.cotangent")).sum().backward()
        for (name, tensor) in [("lora_A", graft.a.value), ("lora_B", graft.b.value), ("x", x)] {
            if let gradient = try tensor.grad { comparison.produced("grad.\(name)", gradient) }
        }
        if let gradient = try graft.magnitude?.value.grad { comparison.produced("grad.magnitude", gradient) }
        comparison.produced("out.merged_weight", try mergedWeight(model))
        return try comparison.result()
    }

    /// PiSSA and OLoRA: what the start gives, and the effective weight after one step of plain SGD from it.
    private func replayStart(
        _ golden: GoldenCase, _ model: Model, _ graft: LoRAGraft, _ comparison: inout Comparison
    ) throws {
        guard let residual = graft.residual else { throw TorchError.invalid("\(golden.slug) made no residual") }
        comparison.produced("out.residual_weight", residual)
        comparison.produced("out.delta_init", try mergedWeight(model) - residual)
        let y = try forward(model, golden.tensor("in.x"))
        comparison.produced("out.y_init", y)
        try (y * golden.tensor("in.cotangent")).sum().backward()
        let rate = try golden.config.field("sgd_lr").double()
        for variable in [graft.a, graft.b] {
            guard let gradient = try variable.value.grad else { continue }
            try variable.load(variable.value.detach() - gradient * rate)
        }
        comparison.produced("step1.effective_weight", try mergedWeight(model))
    }

    private func forward(_ model: Model, _ x: Tensor) throws -> Tensor {
        try model(ModelInput(pixelValues: x)).lastHiddenState
    }

    private func mergedWeight(_ model: Model) throws -> Tensor {
        try model.merge()
        defer { try? model.unmerge() }
        guard let weight = model.parameters["layer.weight"] else { throw TorchError.invalid("the layer has no weight") }
        return weight.value
    }

    private func loftq(_ golden: GoldenCase) throws -> CaseResult {
        var method = try method(golden)
        method.loftqConfig.bits = try golden.config.field("loftq_bits").int()
        let iterations = try golden.config.field("loftq_iter").int()
        let weight = try golden.tensor("base.weight")
        var comparison = Comparison(golden)
        var errors: [Double] = []
        for count in 1...max(1, iterations) {
            method.loftqConfig.iterations = count
            method.loraAlpha = Double(method.r)
            let model = try SingleProjection.model(weight: weight, bias: nil)
            let set = try method.grafts(for: model, key: RandomKey(seed: 0))
            guard let graft = set.projections[SingleProjection.path] as? LoRAGraft, let quantized = graft.residual
            else {
                throw TorchError.invalid("LoftQ made no quantised weight")
            }
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
