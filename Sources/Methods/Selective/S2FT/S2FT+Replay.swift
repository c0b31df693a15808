import Golden
import Networks
import Torch

/// A gated feed-forward branch without residual and norms: the network of S2FT's cases.
private final class FeedForwardNetwork: Network {
    private let gate: Projection?
    private let up: Projection
    private let down: Projection

    init(_ builder: NetworkBuilder, _ golden: GoldenCase) throws {
        func projection(_ name: String) throws -> Projection {
            let weight = try golden.tensor("base.\(name)_weight")
            return try .linear(
                builder.root(name), input: weight.size(1), output: weight.size(0),
                bias: golden.optional("base.\(name)_bias") != nil)
        }
        gate = try golden.optional("base.gate_weight") == nil ? nil : try projection("gate")
        (up, down) = (try projection("up"), try projection("down"))
        _ = Sublayer(
            builder.root, .feedForward, size: down.outputSize, placement: .none,
            structure: .feedForward(gate: gate.map { ProjectionSlice($0) }, up: ProjectionSlice(up), down: down))
    }

    func callAsFunction(_ input: ModelInput, _ context: ForwardContext) throws -> ModelOutput {
        let x = try input.requiredPixels()
        let raised = try up(x, context)
        let hidden = try gate.map { try $0(x, context).silu() * raised } ?? raised.silu()
        let y = try down(hidden, context)
        return ModelOutput(logits: y, lastHiddenState: y)
    }

    static func model(_ golden: GoldenCase) throws -> Model {
        var weights: [String: Tensor] = [:]
        for name in ["gate", "up", "down"] {
            weights["\(name).weight"] = try golden.optional("base.\(name)_weight")
            weights["\(name).bias"] = try golden.optional("base.\(name)_bias")
        }
        let builder = NetworkBuilder(source: TensorWeights(weights))
        return Model(try FeedForwardNetwork(builder, golden), builder)
    }
}

extension S2FT {
    /// Feed-forward branches.
    public static let replays = [GoldenReplay("s2ft", body: replay)]

    private static func replay(_ golden: GoldenCase) throws -> CaseResult {
        guard try golden.optional("base.up_weight") != nil, try golden.optional("base.q_weight") == nil else {
            return CaseResult(
                slug: golden.slug, name: golden.name, kind: golden.kind, status: .unsupported, maxError: .nan,
                detail: "only cases of a feed-forward branch alone can be replayed")
        }
        func channels(_ name: String) throws -> [Int] {
            try golden.config.optional(name)?.elements().map { try $0.int() } ?? []
        }
        let units = S2FT.Units(upstream: try channels("up_channels"), downstream: try channels("down_channels"))
        let model = try FeedForwardNetwork.model(golden)
        let places = try S2FTPlace.all(of: model, layers: nil)
        var set = GraftSet()
        try set.addSlices(of: places, units: places.map { $0.role == .up ? units.upstream : units.downstream })
        try model.add(set, named: "default")

        var comparison = Comparison(golden)
        let count = try golden.config.field("intermediate").int()
        comparison.produced("out.order", try Tensor(units.order(count: count).map { Int64($0) }))
        let slices = set.projections.compactMap { path, graft in (graft as? S2FTGraft).map { (path, $0.slice) } }
        for (path, slice) in slices { try slice.load(golden.tensor("param.s2_\(path)")) }
        let x = try golden.tensor("in.x").clone().setRequiresGrad(true)
        let y = try model(ModelInput(pixelValues: x)).lastHiddenState
        comparison.produced("out.y", y)
        try (y * golden.tensor("in.cotangent")).sum().backward()
        for (name, tensor) in slices.map({ ("param.s2_\($0.0)", $0.1.value) }) + [("in.x", x)] {
            if let gradient = try tensor.grad { comparison.produced("grad.\(name)", gradient) }
        }
        try model.merge()
        for (path, projection) in model.projections {
            comparison.produced("out.merged_\(path)_weight", projection.weight.value)
        }
        return try comparison.result()
    }
}
