import Golden
import Networks
import Torch

extension BiAdapter {
    /// Layer cases of a branch, with what a file would hold of it.
    public static let replays = [GoldenReplay("bi-adapter", body: layer)]

    private init(_ golden: GoldenCase) throws {
        self.init()
        let config = golden.config
        bits = try config.field("bits").count()
        dim = try config.field("bottleneck").count()
        scale = try config.field("scale").double()
        dropout = try config.optional("dropout")?.double() ?? 0
        style = try config.optional("style")?.decode() ?? .adaptformer
        try validate()
    }

    private static func layer(_ golden: GoldenCase) throws -> CaseResult {
        let method = try BiAdapter(golden)
        let (down, up) = (try golden.tensor("param.down"), try golden.tensor("param.up"))
        let branch = try BiAdapterBranch(
            method, path: "layer", input: down.size(1), output: up.size(0), key: RandomKey(seed: 0))
        try branch.down.load(down)
        try branch.up.load(up)
        let x = try golden.tensor("in.x").clone().setRequiresGrad(true)
        let y = try branch.contribution(x, ForwardContext(isTraining: true))
        var comparison = Comparison(golden)
        comparison.produced("out.y", y)
        try (y * golden.tensor("in.cotangent")).sum().backward()
        let matrices = try branch.matrices()
        let all = [("down", branch.down, matrices.down), ("up", branch.up, matrices.up)]
        for (name, tensor) in [("x", x)] + all.map({ ($0.0, $0.1.value) }) {
            if let gradient = try tensor.grad { comparison.produced("grad.\(name)", gradient) }
        }
        for (name, variable, quantized) in all {
            comparison.produced("out.\(name).quantized", quantized)
            guard let matrix = variable.packing as? QuantizedMatrix else { continue }
            comparison.produced("out.codebook", try Tensor(matrix.codebook.values.map(Float.init)))
            comparison.produced(
                "out.\(name).codes", try matrix.codes(variable.value).reshape([-1]).to(.uint8))
            let parts = try zip(matrix.parts(of: variable.value.shape), matrix.packed(variable.value.detach()))
            for (part, tensor) in parts {
                comparison.produced("out.\(name).\(part.name == "codes" ? "packed" : part.name)", tensor)
            }
        }
        return try comparison.result()
    }
}
