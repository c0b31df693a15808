import Golden
import Networks
import Torch

/// The cases of the light baselines that share a slug; what a case is of shows in its configuration.
enum BaselineReplay {
    static let replay = GoldenReplay("baseline-adapters-prompts") { golden in
        guard try golden.config.optional("bottleneck") != nil else {
            throw TorchError.invalid(
                "\(golden.slug)/\(golden.name): only cases of adapters, with a bottleneck, can be replayed")
        }
        return try adapters(golden)
    }

    /// One post-norm layer as it is, under Houlsby's adapters, under Pfeiffer's, and under BitFit.
    private static func adapters(_ golden: GoldenCase) throws -> CaseResult {
        var layer = try PostNormLayerCase(golden, activationKey: "ffn_activation")
        let width = try golden.config.field("bottleneck").int()
        let activation = try PostNormLayerCase.activation(golden, "adapter_activation")
        layer.comparison.produced("out.y_base", try layer.forward(golden.tensor("in.x")))

        var houlsby = Houlsby()
        (houlsby.bottleneck, houlsby.adapterActivation) = (width, activation)
        try with(houlsby, on: &layer) { layer, set in
            try load(bottleneckParameters(of: set, "attn") + bottleneckParameters(of: set, "ffn"), golden)
            let norms = try ["ln1.weight", "ln1.bias", "ln2.weight", "ln2.bias"].map { name in
                (name, try parameter(name, of: set))
            }
            try load(norms, golden)
            try layer.replay(
                bottleneckParameters(of: set, "attn") + bottleneckParameters(of: set, "ffn") + norms)
        }
        if golden.outputs.contains("out.y_pfeiffer") {
            var pfeiffer = Pfeiffer()
            (pfeiffer.bottleneck, pfeiffer.reductionFactor) = (width, nil)
            pfeiffer.adapterActivation = activation
            try with(pfeiffer, on: &layer) { layer, set in
                try load(bottleneckParameters(of: set, "ffn"), golden)
                layer.comparison.produced("out.y_pfeiffer", try layer.forward(golden.tensor("in.x")))
            }
        }
        if golden.outputs.contains(where: { $0.hasPrefix("out.bitfit_grad.") }) {
            try with(BitFit(), on: &layer) { layer, set in
                try layer.replay(
                    set.parameters.map { ($0.key, $0.value) }, output: "out.y_bitfit", gradients: "out.bitfit_grad.")
            }
        }
        return try layer.comparison.result()
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
