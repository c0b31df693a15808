import Foundation
import Golden
import JSON
import Networks
import Torch

/// A decoder's attention, its gated feed-forward branch, or both, without norms: the network of S2FT's cases.
///
/// Projections are called `q`, `k`, `v`, `o`, `gate`, `up` and `down`; `base.q_weight` or `base.q_proj.weight` is a weight.
final class S2FTCaseNetwork: Network {
    /// How the branches are put together, where a case's configuration leaves it open.
    struct Reading: Equatable {
        /// Whether a query sees no later position.
        var isCausal = true
        /// Whether each branch is added to what went into it.
        var hasResidual = false
        /// Whether units of the slices stand in the configuration's order, or in that of the release's slices.
        var isListed = true
    }

    /// What is run.
    enum Part { case attention, feedForward, whole }

    /// The projections of an attention.
    struct Attention {
        let (query, key, value, output): (Projection, Projection, Projection, Projection)
        let site: AttentionSite
        let rotation: Double?
    }

    var reading = Reading()
    var part = Part.whole
    let attention: Attention?
    private let gate: Projection?
    private let feedForward: (up: Projection, down: Projection)?

    private init(_ builder: NetworkBuilder, _ weights: [String: Tensor], _ golden: GoldenCase) throws {
        func projection(_ name: String) throws -> Projection {
            guard let weight = weights["\(name).weight"], try weight.rank == 2 else {
                throw GoldenError.unread("it has no matrix base.\(name)_weight")
            }
            return try .linear(
                builder.root(name), input: weight.size(1), output: weight.size(0), bias: weights["\(name).bias"] != nil)
        }
        attention = weights["q.weight"] == nil ? nil : try Self.attention(builder, golden, projection)
        gate = weights["gate.weight"] == nil ? nil : try projection("gate")
        guard weights["up.weight"] != nil else {
            feedForward = nil
            return
        }
        let (up, down) = (try projection("up"), try projection("down"))
        feedForward = (up, down)
        _ = Sublayer(
            builder.root, .feedForward, size: down.outputSize, placement: .none,
            structure: .feedForward(gate: gate.map { ProjectionSlice($0) }, up: ProjectionSlice(up), down: down))
    }

    private static func attention(
        _ builder: NetworkBuilder, _ golden: GoldenCase, _ projection: (String) throws -> Projection
    ) throws -> Attention {
        let (q, k, v, o) = (try projection("q"), try projection("k"), try projection("v"), try projection("o"))
        let config = golden.config
        let stated = try config.first(of: "heads", "num_heads", "n_heads", "num_attention_heads", "nh")?.int()
        let size = try config.first(of: "head_dim", "hd")?.int() ?? stated.map { $0 > 0 ? q.outputSize / $0 : 0 } ?? 0
        guard size > 0, q.outputSize % size == 0, k.outputSize % size == 0, v.outputSize == k.outputSize,
            o.inputSize == q.outputSize, (q.outputSize / size) % max(1, k.outputSize / size) == 0, k.outputSize > 0
        else {
            throw GoldenError.unread("its heads and head_dim do not divide its projections' sizes")
        }
        let (heads, keyHeads) = (q.outputSize / size, k.outputSize / size)
        let site = AttentionSite(
            builder.root("self"), index: 0, size: o.outputSize, heads: heads, keyHeads: keyHeads, headSize: size)
        _ = Sublayer(
            builder.root, .attention, size: o.outputSize, placement: .none,
            structure: .attention(
                query: ProjectionSlice(q), key: ProjectionSlice(k), value: ProjectionSlice(v), output: o, heads: heads,
                keyHeads: keyHeads, headSize: size))
        let rotation = try config.first(of: "rope_theta", "rope_base", "theta")?.double()
        return Attention(
            query: q, key: k, value: v, output: o, site: site,
            rotation: try rotation ?? (config.optional("rope")?.bool() == true ? 10000 : nil))
    }

    /// A model with the weights of a case.
    static func model(_ golden: GoldenCase) throws -> (model: Model, network: S2FTCaseNetwork) {
        var weights: [String: Tensor] = [:]
        for name in ["q", "k", "v", "o", "gate", "up", "down"] {
            for kind in ["weight", "bias"] {
                let names = ["base.\(name)_\(kind)", "base.\(name)_proj.\(kind)", "base.\(name).\(kind)"]
                weights["\(name).\(kind)"] = try golden.first(of: names)?.tensor
            }
        }
        guard weights["q.weight"] != nil || weights["up.weight"] != nil else {
            throw GoldenError.unread("it has neither base.q_weight nor base.up_weight")
        }
        let builder = NetworkBuilder(source: TensorWeights(weights))
        let network = try S2FTCaseNetwork(builder, weights, golden)
        return (Model(network, builder), network)
    }

    func callAsFunction(_ input: ModelInput, _ context: ForwardContext) throws -> ModelOutput {
        var x = try input.requiredPixels()
        if part != .feedForward, let attention { x = try joined(x, attend(x, attention, input, context)) }
        if part != .attention, let feedForward {
            let raised = try feedForward.up(x, context)
            let hidden = try gate.map { try $0(x, context).silu() * raised } ?? raised.silu()
            x = try joined(x, feedForward.down(hidden, context))
        }
        return ModelOutput(logits: x, lastHiddenState: x)
    }

    private func joined(_ x: Tensor, _ branch: Tensor) throws -> Tensor {
        try reading.hasResidual ? x + branch : branch
    }

    private func attend(
        _ x: Tensor, _ parts: Attention, _ input: ModelInput, _ context: ForwardContext
    ) throws -> Tensor {
        let size = parts.site.headSize
        func heads(_ projection: Projection, rotates: Bool) throws -> Tensor {
            let y = try projection(x, context)
            let split = try y.reshape([y.size(0), y.size(1), -1, size]).transpose(1, 2)
            guard rotates, let base = parts.rotation else { return split }
            return try Self.rotated(split, base: base)
        }
        let settings = AttentionSettings(
            scale: 1 / Double(size).squareRoot(), pattern: AttentionPattern(causal: reading.isCausal))
        let mixed = try context.attention(
            heads(parts.query, rotates: true), heads(parts.key, rotates: true), heads(parts.value, rotates: false),
            settings, input: input, at: parts.site)
        return try parts.output(mixed, context)
    }

    /// Rotary positions, the first half of a head's channels against the second; positions count from 0.
    private static func rotated(_ x: Tensor, base: Double) throws -> Tensor {
        let (length, half) = (try x.size(2), try x.size(3) / 2)
        let rates = try (Tensor.arange(to: Double(half)) * (-log(base) / Double(half))).exp()
        let angles = try Tensor.arange(to: Double(length)).unsqueeze(1) * rates.unsqueeze(0)
        let (first, second) = (try x.narrow(3, 0, half), try x.narrow(3, half, half))
        let (cos, sin) = (try angles.cos(), try angles.sin())
        return try .cat([first * cos - second * sin, second * cos + first * sin], dim: 3)
    }
}
