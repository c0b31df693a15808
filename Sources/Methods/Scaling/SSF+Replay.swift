import Golden
import Networks
import Torch

extension SSF {
    /// The cases of one layer, by the configuration's `site` a linear layer, a convolution or a norm; and of a block.
    public static let replays = [GoldenReplay("ssf", body: layer)]

    private static func layer(_ golden: GoldenCase) throws -> CaseResult {
        guard golden.has("base.weight") else { return try block(golden) }
        let site = try golden.config.optional("site")?.string() ?? "linear_output"
        let hasBias = try golden.optional("base.bias") != nil
        if site.contains("norm") { return try norm(golden) }
        var layer = site.hasPrefix("conv") ? try convolution(golden) : try LayerCase(golden)
        let set = try SSF().grafts(for: layer.model, key: RandomKey(seed: 0))
        let graft: SSFGraft = try layer.graft(set)
        try layer.replay(["scale": graft.scale, "shift": graft.shift])
        if hasBias {
            try layer.produceMerged()
        } else if let projection = layer.model.projections[SingleProjection.path] {
            let merged = try graft.merged(weight: projection.weight.base, bias: nil, at: projection)
            layer.produced("out.merged_weight", merged.weight)
            if let bias = merged.bias { layer.produced("out.merged_bias", bias) }
        }
        return try layer.result()
    }

    private static func convolution(_ golden: GoldenCase) throws -> LayerCase {
        func pair(_ key: String) throws -> [Int]? {
            guard let node = try golden.config.optional(key) else { return nil }
            if case .array = node.value { return try node.elements().map { try $0.int() } }
            return [try node.int(), try node.int()]
        }
        let weight = try golden.tensor("base.weight")
        let sizes = try weight.shape
        guard sizes.count == 4 else {
            throw TorchError.invalid("the case's convolution has a weight of shape \(sizes)")
        }
        let groups = try golden.config.optional("groups")?.int() ?? 1
        let stride = try pair("stride") ?? pair("patch_size") ?? [1, 1]
        var shape = Projection.Convolution(
            input: sizes[1] * groups, output: sizes[0], kernel: Array(sizes[2...]), stride: stride)
        shape.padding = try pair("padding") ?? [0, 0]
        shape.groups = groups
        let (builder, hasBias) = try source(golden)
        let projection = try Projection.convolution(builder.root(SingleProjection.path), shape, bias: hasBias)
        return LayerCase(golden, model: Model(SingleSite(projection.callAsFunction), builder))
    }

    private static func norm(_ golden: GoldenCase) throws -> CaseResult {
        let (builder, _) = try source(golden)
        let size = try golden.tensor("base.weight").count
        let keys = try ["eps", "ln_eps"].compactMap { try golden.config.optional($0)?.double() }
        let place = builder.root(SingleProjection.path)
        let isRMS = try golden.config.optional("site")?.string().contains("rms") == true
        let norm =
            try isRMS
            ? Norm.rms(place, size: size, eps: keys.first ?? 1e-6)
            : Norm.layer(place, size: size, eps: keys.first ?? 1e-5)
        var layer = LayerCase(golden, model: Model(SingleSite(norm.callAsFunction), builder))
        let set = try SSF().grafts(for: layer.model, key: RandomKey(seed: 0))
        try layer.add(set)
        guard let graft = set.norms[SingleProjection.path] as? SSFGraft else {
            throw TorchError.invalid("no pair was made for the norm")
        }
        try layer.replay(["scale": graft.scale, "shift": graft.shift])
        if norm.bias != nil {
            try layer.model.merge()
            layer.produced("out.merged_weight", norm.weight.value)
            if let bias = norm.bias { layer.produced("out.merged_bias", bias.value) }
            try layer.model.unmerge()
        }
        return try layer.result()
    }

    /// The case's weights as those of a single layer, and whether a bias is among them.
    private static func source(_ golden: GoldenCase) throws -> (NetworkBuilder, hasBias: Bool) {
        let bias = try golden.optional("base.bias")
        var weights = ["\(SingleProjection.path).weight": try golden.tensor("base.weight")]
        weights["\(SingleProjection.path).bias"] = bias
        return (NetworkBuilder(source: TensorWeights(weights)), bias != nil)
    }
}

/// A network of one site.
private final class SingleSite: Network {
    private let site: (Tensor, ForwardContext) throws -> Tensor

    init(_ site: @escaping (Tensor, ForwardContext) throws -> Tensor) {
        self.site = site
    }

    func callAsFunction(_ input: ModelInput, _ context: ForwardContext) throws -> ModelOutput {
        let y = try site(input.requiredPixels(), context)
        return ModelOutput(logits: y, lastHiddenState: y)
    }
}
