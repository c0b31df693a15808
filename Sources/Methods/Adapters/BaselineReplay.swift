import Golden
import Networks
import Torch

/// The cases of the light baselines that share a slug; what a case is of shows in its configuration.
enum BaselineReplay {
    static let replay = GoldenReplay("baseline-adapters-prompts") { golden in
        let hasAdapters = ["attn", "ffn"].contains { golden.has("param.\($0).down.weight") }
        if !hasAdapters, try PromptReplay.reads(golden) { return try PromptReplay.run(golden) }
        return try adapters(golden)
    }

    /// One post-norm layer as it is, under Houlsby's adapters, under Pfeiffer's, and under BitFit.
    private static func adapters(_ golden: GoldenCase) throws -> CaseResult {
        var layer = try PostNormLayerCase(golden, activationKey: "ffn_activation")
        let activation = try PostNormLayerCase.activation(golden, "adapter_activation")
        layer.comparison.produced("out.y_base", try layer.forward(golden.tensor("in.x")))
        if golden.has("param.ffn.down.weight") { try adapters(golden, &layer, activation) }
        if golden.outputs.contains(where: { $0.hasPrefix("out.bitfit_grad.") }) {
            try with(BitFit(), on: &layer) { layer, set in
                try layer.replay(
                    set.parameters.map { ($0.key, $0.value) }, output: "out.y_bitfit", gradients: "out.bitfit_grad.")
            }
        }
        for prefix in ["out.ln_grad.", "out.layernorm_grad."]
        where golden.outputs.contains(where: { $0.hasPrefix(prefix) }) {
            try with(LayerNormTuning(), on: &layer) { layer, set in
                try layer.replay(
                    set.parameters.map { ($0.key, $0.value) }, output: "out.y_ln", gradients: prefix)
            }
        }
        return try layer.comparison.result()
    }

    /// Houlsby's adapters, with the norms where the case trains them, and Pfeiffer's.
    private static func adapters(
        _ golden: GoldenCase, _ layer: inout PostNormLayerCase, _ activation: Activation
    ) throws {
        let width = try golden.tensor("param.ffn.down.weight").size(0)
        if golden.has("param.attn.down.weight") {
            var houlsby = Houlsby()
            (houlsby.bottleneck, houlsby.adapterActivation) = (width, activation)
            houlsby.trainLayerNorms = golden.has("param.ln1.weight")
            try with(houlsby, on: &layer) { layer, set in
                let norms = try (houlsby.trainLayerNorms ? ["ln1", "ln2"] : [])
                    .flatMap { ["\($0).weight", "\($0).bias"] }
                    .map { (name: $0, variable: try parameter($0, of: set)) }
                let all = try bottleneckParameters(of: set, "attn") + bottleneckParameters(of: set, "ffn") + norms
                try load(all, golden)
                try layer.replay(all)
            }
        }
        let isAlone = !golden.has("param.attn.down.weight")
        if isAlone || golden.outputs.contains("out.y_pfeiffer") {
            var pfeiffer = Pfeiffer()
            (pfeiffer.bottleneck, pfeiffer.reductionFactor) = (width, nil)
            pfeiffer.adapterActivation = activation
            try with(pfeiffer, on: &layer) { layer, set in
                let own = try bottleneckParameters(of: set, "ffn")
                try load(own, golden)
                layer.comparison.produced("out.y_pfeiffer", try layer.forward(golden.tensor("in.x")))
                if isAlone { try layer.replay(own) }
            }
        }
    }

    /// Runs `body` with the grafts of a method on the layer.
    private static func with(
        _ method: any Method, on layer: inout PostNormLayerCase,
        _ body: (inout PostNormLayerCase, GraftSet) throws -> Void
    ) throws {
        let set = try method.grafts(for: layer.model, key: RandomKey(seed: 0))
        try layer.model.add(set, named: "default")
        try body(&layer, set)
        try layer.model.remove("default")
    }

    /// The tensors of a bottleneck by the case's names: `ffn.down.weight`.
    private static func bottleneckParameters(of set: GraftSet, _ name: String) throws -> [(String, Variable)] {
        let path = name == "attn" ? "attention" : "mlp"
        guard let graft = set.sublayers[path] as? BottleneckGraft else {
            throw TorchError.invalid("no bottleneck was made at \(path)")
        }
        return [
            ("\(name).down.weight", graft.down.weight), ("\(name).down.bias", graft.down.bias),
            ("\(name).up.weight", graft.up.weight), ("\(name).up.bias", graft.up.bias),
        ]
    }

    private static func parameter(_ name: String, of set: GraftSet) throws -> Variable {
        guard let variable = set.parameters[name] else { throw TorchError.invalid("\(name) is not trained") }
        return variable
    }

    private static func load(_ parameters: [(String, Variable)], _ golden: GoldenCase) throws {
        for (name, variable) in parameters { try variable.load(golden.tensor("param.\(name)")) }
    }
}
