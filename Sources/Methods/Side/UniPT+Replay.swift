import Golden
import Networks
import Torch

extension UniPT {
    /// Layer cases of both anchors.
    public static let replays = [GoldenReplay("unipt", body: layer)]

    private init(_ golden: GoldenCase) throws {
        self.init()
        let config = golden.config
        variant = try config.optional("variant")?.decode() ?? .anchorLast
        l1Eps = try config.optional("l1_eps")?.double()
        l1EpsMode = try config.optional("l1_eps_mode")?.decode()
        downNorm = try config.optional("down_norm")?.bool()
        identityResidual = try config.optional("identity_residual")?.bool()
        projection = try config.optional("projection")?.decode() ?? .linear
        try validate()
    }

    private static func layer(_ golden: GoldenCase) throws -> CaseResult {
        let method = try UniPT(golden)
        let states = try golden.tensor("in.x")
        let count = try states.size(0)
        let guided = method.variant == .anchorLast ? count - 1 : count
        let up = try golden.tensor("param.up.weight")
        let network = try UniPTNetwork(
            method,
            UniPTNetwork.Shape(path: "", hidden: states.size(3), width: up.size(1), output: up.size(0)),
            guided: Array(0..<guided), key: RandomKey(seed: 0))
        var comparison = Comparison(golden)
        let names = Dictionary(
            uniqueKeysWithValues: network.variables.map { (method.caseName(of: $0, states: count), $0) })
        for (name, variable) in names { try variable.load(golden.tensor("param.\(name)")) }
        var mask = try Tensor.ones([states.size(1), states.size(2)])
        if let lengths = try golden.optional("in.lengths") {
            mask = try Tensor.arange(to: Double(states.size(2))).unsqueeze(0).lt(lengths.unsqueeze(1)).to(.float32)
        }
        let embeddings = ["in.embedding", "in.e", "in.anchor", "in.anchor_embedding", "in.projected", "in.output"]
        let embedding = try golden.first(of: embeddings)?.tensor
        let positions = ["in.position", "in.positions", "in.index", "in.eot", "in.token_position"]
        let (y, confidence) = try network.mixed(
            (0..<count).map { try states.select(0, $0) }, mask: mask, embedding: embedding,
            position: embedding == nil ? nil : golden.first(of: positions)?.tensor ?? golden.tensor("in.position"))
        comparison.produced("out.y", y)
        comparison.produced("out.confidence", confidence)
        try (y * golden.tensor("in.cotangent")).sum().backward()
        for (name, variable) in names {
            comparison.produced("grad.\(name)", try variable.value.grad ?? variable.value.detach().zerosLike())
        }
        return try comparison.result()
    }

    /// Cases number the map of the last state behind those of the guided ones.
    private func caseName(of variable: Variable, states: Int) -> String {
        let name = variable.name.dropFirst("unipt.".count)
        guard variant == .anchorLast, name.hasPrefix("anchor_down") else { return String(name) }
        return "down.\(states - 1)" + name.dropFirst("anchor_down".count)
    }
}
