import Golden
import Networks
import Torch

/// Cases of prefixes and of the networks that make prompts: keys and values of every layer and the attention over them,
/// and the rows of P-tuning's two encoders.
struct PromptReplay {
    private let golden: GoldenCase
    private let tensors: PromptCaseTensors
    private var comparison: Comparison

    /// The result of a case.
    static func run(_ golden: GoldenCase) throws -> CaseResult {
        var first: CaseResult?
        for reading in try readings(golden) {
            var replay = PromptReplay(
                golden: golden, tensors: try PromptCaseTensors(golden), comparison: Comparison(golden))
            try replay.run(reading)
            let result = try replay.comparison.result()
            if result.status == .pass { return result }
            first = first ?? result
        }
        guard let first else { throw GoldenError.unread("it has nothing to run") }
        return first
    }

    /// What a case may leave to its notes: which layer's prefix the attention has, and whether it is causal.
    private struct Reading {
        var isCausal: Bool
        var layer: Int
    }

    private static func readings(_ golden: GoldenCase) throws -> [Reading] {
        let config = golden.config
        let causal = try config.first(of: "causal", "is_causal").map { [try $0.bool()] } ?? [true, false]
        let stated = try config.first(of: "layer", "layer_index", "attention_layer", "layer_idx")?.int()
        let layers = try stated.map { [$0] } ?? Array(0..<max(1, layerCount(golden) ?? 1))
        return causal.flatMap { isCausal in layers.map { Reading(isCausal: isCausal, layer: $0) } }
    }

    private static func layerCount(_ golden: GoldenCase) throws -> Int? {
        try golden.config.first(of: "num_layers", "layers", "n_layers", "num_hidden_layers", "depth")?
            .int(in: 1...1024)
    }

    /// Whether a case has anything that this runs.
    static func reads(_ golden: GoldenCase) throws -> Bool {
        let tensors = try PromptCaseTensors(golden)
        return PromptCaseTensors.Maker.allCases.contains(where: tensors.has)
    }

    private mutating func run(_ reading: Reading) throws {
        if tensors.has(.prefix) { try runPrefix(reading) }
        for maker in [PromptCaseTensors.Maker.mlp, .lstm] where tensors.has(maker) { try runEncoder(maker) }
    }

    private mutating func gradients(_ loaded: [(name: String, variable: Variable)]) throws {
        for (name, variable) in loaded {
            guard let gradient = try variable.value.grad else { continue }
            comparison.produced("grad." + name, gradient)
            comparison.produced("grad." + name.drop { $0 != "." }.dropFirst(), gradient)
        }
    }

    /// The cotangent whose name has one of some words, or that of the given shape.
    private func cotangent(_ words: [String], for y: Tensor) throws -> Tensor? {
        let names = golden.names(beginningWith: "in.").filter { $0.contains("cotangent") }
        let shape = try y.shape
        for name in names where words.contains(where: name.contains) { return try golden.tensor("in.\(name)") }
        for name in names where try golden.tensor("in.\(name)").shape == shape {
            return try golden.tensor("in.\(name)")
        }
        return nil
    }
}

// MARK: Prefix

extension PromptReplay {
    private mutating func runPrefix(_ reading: Reading) throws {
        let tokens = try tensors.tokens(.prefix)
        let linears = try tensors.linears(.prefix)
        guard linears.isEmpty || linears.count == 2 else {
            throw GoldenError.unread("its prefix has \(linears.count) linear layers where two belong")
        }
        let columns = try linears.last?.weight.tensor.size(0) ?? tokens.tensor.size(1)
        let heads = try given()
        let shape = try shape(heads, columns: columns, size: linears.isEmpty ? nil : tokens.tensor.size(1))
        let (model, network) = try PromptCaseNetwork.model(shape)
        var method = PrefixTuning()
        method.options.numVirtualTokens = try tokens.tensor.size(0)
        method.options.prefixProjection = !linears.isEmpty
        method.options.encoderHiddenSize = try linears.first?.weight.tensor.size(0)
        let set = try method.grafts(for: model, key: RandomKey(seed: 0))
        try model.add(set, named: "default")
        guard let prefix = set.prefix else { throw GoldenError.unread("prefix tuning made no prefix for it") }
        let named = [tokens] + linears.flatMap { [$0.weight, $0.bias] }
        let loaded = zip(named, prefix.variables).map { (name: $0.name, variable: $1) }
        for ((_, tensor), variable) in zip(named, prefix.variables) { try variable.load(tensor) }
        if let heads { try attend(heads, reading, shape, network, model) }
        try gradients(loaded)
        // What is stored is what the training computed with: the maps run once, and are dropped.
        try prefix.finish()
        try produceStored(prefix, model, shape)
    }

    /// Queries, keys and values, given or made of `in.x` by the base's projections; nil where the case has none.
    private func given() throws -> PromptCaseNetwork.Heads? {
        func head(_ names: [String]) throws -> Tensor? { try golden.first(of: names.map { "in.\($0)" })?.tensor }
        guard let q = try head(["q", "query"]), let k = try head(["k", "key"]), let v = try head(["v", "value"]) else {
            return nil
        }
        guard try q.rank == 4, try k.rank == 4, try v.shape == k.shape, try q.size(3) == k.size(3) else {
            throw GoldenError.unread("in.q, in.k and in.v are not [rows, heads, length, head]")
        }
        return PromptCaseNetwork.Heads(query: q, key: k, value: v)
    }

    private func shape(
        _ given: PromptCaseNetwork.Heads?, columns: Int, size: Int?
    ) throws -> PromptCaseNetwork.Shape {
        let config = golden.config
        let layers = try PromptReplay.layerCount(golden)
        let heads =
            try given?.query.size(1)
            ?? config.first(of: "heads", "num_heads", "num_attention_heads", "n_heads", "attn_heads")?.int()
        let keyHeads =
            try given?.key.size(1)
            ?? config.first(of: "kv_heads", "num_kv_heads", "num_key_value_heads", "n_kv_heads")?.int() ?? heads
        guard let layers, let heads, let keyHeads, layers > 0, heads > 0, keyHeads > 0, heads % keyHeads == 0,
            columns % (2 * layers * keyHeads) == 0
        else {
            throw GoldenError.unread("layers and heads do not divide the \(columns) columns of its prefix")
        }
        let headSize = columns / (2 * layers * keyHeads)
        return PromptCaseNetwork.Shape(
            layers: layers, heads: heads, keyHeads: keyHeads, headSize: headSize, size: size ?? heads * headSize)
    }

    private mutating func attend(
        _ heads: PromptCaseNetwork.Heads, _ reading: Reading, _ shape: PromptCaseNetwork.Shape,
        _ network: PromptCaseNetwork, _ model: Model
    ) throws {
        let leaves = try [heads.query, heads.key, heads.value].map { try $0.clone().setRequiresGrad(true) }
        network.run = (
            reading.layer, PromptCaseNetwork.Heads(query: leaves[0], key: leaves[1], value: leaves[2]), reading.isCausal
        )
        let flat = try model(ModelInput(inputIDs: nil, attentionMask: golden.optional("in.attention_mask")))
            .lastHiddenState
        let split = try flat.reshape([flat.size(0), flat.size(1), shape.heads, -1]).transpose(1, 2)
        for name in golden.outputs
        where ["out.y", "out.attn", "out.attention", "out.context"].contains(where: name.hasPrefix) {
            comparison.produced(name, try golden.tensor(name).rank == 4 ? split : flat)
        }
        guard let cotangent = try cotangent(["attn", "attention"], for: flat) ?? cotangent([], for: split) else {
            return
        }
        try ((cotangent.rank == 4 ? split : flat) * cotangent).sum().backward()
        for (names, leaf) in zip([["q", "query"], ["k", "key"], ["v", "value"]], leaves) {
            guard let gradient = try leaf.grad else { continue }
            for name in names {
                comparison.produced("grad.\(name)", gradient)
                comparison.produced("grad.in.\(name)", gradient)
            }
        }
    }

    /// Keys and values of the layers, and the whole table, in the layout that the case asks for.
    private mutating func produceStored(
        _ prefix: Prefix, _ model: Model, _ shape: PromptCaseNetwork.Shape
    ) throws {
        let pairs = try model.attentions.values.map { try prefix.keysAndValues(at: $0, ForwardContext()) }
        let table = try prefix.table()
        for name in golden.outputs where name.hasPrefix("out.") {
            guard let expected = try golden.optional(name)?.shape else { continue }
            let isKey = name.contains("key") && !name.contains("key_value")
            let isValue = name.contains("value") && !name.contains("key_value")
            if isKey || isValue {
                let all = pairs.map { isKey ? $0.keys : $0.values }
                let layer = PromptCaseTensors.layer(name)
                let chosen = layer.map { all.indices.contains($0) ? [all[$0]] : [] } ?? all
                guard !chosen.isEmpty else { continue }
                let found = try chosen.count == 1 ? chosen[0].squeeze(0) : .cat(chosen, dim: 0)
                comparison.produced(name, try fitted(found, expected))
            } else if ["prefix", "past", "table"].contains(where: name.contains) {
                let split = try table.reshape([prefix.count, 2 * shape.layers, shape.keyHeads, shape.headSize])
                let byLayer = try split.permute([1, 2, 0, 3])
                let pairs = [shape.layers, 2, shape.keyHeads, prefix.count, shape.headSize]
                let found: Tensor
                switch expected {
                case pairs: found = try byLayer.reshape(pairs)
                case try table.shape: found = table
                case try byLayer.shape: found = byLayer
                case try split.shape: found = split
                default: found = byLayer
                }
                comparison.produced(name, try fitted(found, expected))
            }
        }
    }

    /// The same rows for every example where the case has them so, with a dimension of examples before or after the
    /// first.
    private func fitted(_ tensor: Tensor, _ expected: [Int]) throws -> Tensor {
        let shape = try tensor.shape
        guard expected.count == shape.count + 1 else { return tensor }
        if Array(expected.dropFirst()) == shape { return try tensor.unsqueeze(0).expand(expected) }
        return expected[0] == shape[0] ? try tensor.unsqueeze(1).expand(expected) : tensor
    }
}

// MARK: Encoders

extension PromptReplay {
    private mutating func runEncoder(_ maker: PromptCaseTensors.Maker) throws {
        let tokens = try tensors.tokens(maker)
        let linears = try tensors.linears(maker)
        let cells = maker == .lstm ? try tensors.cells() : []
        guard linears.count == (maker == .lstm ? 2 : 3), maker == .mlp || !cells.isEmpty else {
            throw GoldenError.unread("its \(maker) encoder has \(linears.count) linear layers and \(cells.count) cells")
        }
        var method = PTuning()
        method.numVirtualTokens = try tokens.tensor.size(0)
        method.encoderReparameterizationType = maker == .lstm ? .lstm : .mlp
        method.encoderHiddenSize =
            try maker == .lstm ? linears[0].weight.tensor.size(1) / 2 : linears[0].weight.tensor.size(0)
        method.encoderNumLayers = max(1, cells.count)
        let size = try tokens.tensor.size(1)
        let (model, _) = try PromptCaseNetwork.model(
            .init(layers: 1, heads: 1, keyHeads: 1, headSize: size, size: size))
        let set = try method.grafts(for: model, key: RandomKey(seed: 0))
        guard let graft = set.tokens.values.first as? PromptGraft else {
            throw GoldenError.unread("P-tuning made no rows for it")
        }
        let named = [tokens] + cells.joined() + linears.flatMap { [$0.weight, $0.bias] }
        let loaded = zip(named, graft.variables).map { (name: $0.name, variable: $1) }
        for ((_, tensor), variable) in zip(named, graft.variables) { try variable.load(tensor) }
        let rows = try graft.table()
        let word = maker == .lstm ? "lstm" : "mlp"
        for name in golden.outputs where name.hasPrefix("out.") && name.contains(word) {
            comparison.produced(name, try fitted(rows, golden.tensor(name).shape))
        }
        guard let cotangent = try cotangent([word, "prompt", "encoder"], for: rows) else { return }
        try (rows * cotangent).sum().backward()
        try gradients(loaded)
    }
}
