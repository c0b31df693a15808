import Backbones
import JSON
import Networks
import Torch

/// Batches of pseudo-random ids or pixels that a model takes, the same ones each time.
struct ProbeBatches {
    /// The batches.
    let inputs: [ModelInput]

    private static let key = RandomKey(seed: 0).derived("merge probes")

    /// - Throws: `AdapterError.merge` where the configuration does not tell what the model takes.
    init(_ loaded: LoadedModel) throws {
        let config = JSON.Node(loaded.config.json, source: "config.json")
        if case .imageClassification = loaded.head {
            inputs = try ProbeBatches.images(config, loaded.model)
        } else if let vocabulary = try config.optional("vocab_size")?.int() {
            inputs = try ProbeBatches.texts(loaded, config, vocabulary: vocabulary)
        } else {
            inputs = try ProbeBatches.images(config, loaded.model)
        }
    }

    /// Rows of several lengths, one of them with padding at its end.
    private static func texts(_ loaded: LoadedModel, _ config: JSON.Node, vocabulary: Int) throws -> [ModelInput] {
        // RoBERTa counts its positions from 2.
        let limit = try ["max_position_embeddings", "n_positions"].compactMap { try config.optional($0)?.int() }.first
        let longest = max(1, min(48, (limit ?? 48) - 4))
        let padID = try config.optional("pad_token_id")?.int() ?? 0
        // Classifiers of encoder-decoders read what stands at an end token.
        let isPaired = try config.optional("is_encoder_decoder")?.bool() ?? false
        let end = try isPaired ? loaded.config.endTokenID : nil
        return try Set([1, min(7, longest), longest]).sorted().map { length in
            let numbers = try Tensor.uniform([1, length], 0, Double(vocabulary), key: key.derived(length))
            // A draw just below the bound may round up to it.
            var drawn = try numbers.clamp(0, Double(vocabulary - 1)).to(.int64)
            if let end {
                let first = try Tensor.full([1, 1], Double(end), dtype: .int64)
                drawn = try Tensor.cat([first, drawn.narrow(1, 1, length - 1)], dim: 1)
            }
            guard length == longest, length > 4, padID >= 0, padID < vocabulary else {
                return ModelInput(inputIDs: drawn)
            }
            let mask = try Tensor.cat([Tensor.ones([1, length - 3]), Tensor.zeros([1, 3])], dim: 1).to(.int64)
            let padded = try drawn.maskedFill(mask.eq(0), Double(padID))
            return ModelInput(inputIDs: padded, attentionMask: mask)
        }
    }

    private static func images(_ config: JSON.Node, _ model: Model) throws -> [ModelInput] {
        let channels = model.projections.values.lazy.compactMap { projection in
            if case .convolution(let shape) = projection.kind { shape.input } else { nil }
        }.first
        for size in try sizes(config) {
            let pixels = try Tensor.uniform([2, channels ?? 3] + size, -1, 1, key: key)
            let input = ModelInput(pixelValues: pixels)
            if (try? withoutGradients { try model(input) }) != nil { return [input] }
        }
        throw AdapterError.merge("config.json does not tell what size of images the model takes")
    }

    /// Heights and widths that the configuration may mean, the likeliest first.
    private static func sizes(_ config: JSON.Node) throws -> [[Int]] {
        let stated = [
            try config.optional("image_size"), try config.optional("model_args")?.optional("img_size"),
            try config.optional("pretrained_cfg")?.optional("input_size"),
        ].compactMap { $0 }
        let named = try config.optional("architecture")?.string().split(separator: "_").last.flatMap { Int($0) }
        let sizes = stated.compactMap { node -> [Int]? in
            if let side = try? node.int() { return [side, side] }
            return (try? node.ints()).flatMap { $0.count >= 2 ? Array($0.suffix(2)) : nil }
        }
        return (sizes + [named, 224].compactMap { $0.map { [$0, $0] } }).filter { $0.allSatisfy { 1...4096 ~= $0 } }
    }

    /// The outputs of a model on every batch, padded positions as 0.
    func outputs(of model: Model) throws -> [Tensor] {
        try withoutGradients {
            try inputs.map { input in
                let output = try model(input)
                let scores = try (output.logits ?? output.lastHiddenState).to(.float32)
                guard let mask = input.attentionMask, try scores.rank == 3 else { return scores }
                return try scores * mask.unsqueeze(2).to(.float32)
            }
        }
    }
}
