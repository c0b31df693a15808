import Backbones
import Networks
import Reporting
import Torch

extension Forecast {
    /// What the memory of a training depends on besides its model and method.
    struct MemoryConditions {
        /// Values that are trained at one time.
        var active: Int
        /// The most cells of a batch, padding included.
        var cells: Int
        /// Columns of that batch.
        var columns: Int
        /// Whether every labelled token is scored against the vocabulary.
        var scoresTokens: Bool
        /// Whether attentions hold their probabilities.
        var keepsProbabilities: Bool
        /// False for methods that only run forwards.
        var usesBackward = true
    }

    /// The parts of the memory at its peak, in bytes. Held against measured peaks of MiniLM, a Qwen2 shape and a ViT in
    /// docs/reliability.md.
    static func memory(_ model: Model, _ grafts: GraftSet, _ conditions: MemoryConditions) throws -> [MemoryPart] {
        let weights = try model.parameters.values.reduce(0) { try $0 + $1.base.count * $1.base.dtype.size }
        return [
            MemoryPart(name: "weights", bytes: weights),
            // The copy, its gradient, and AdamW's two moments.
            MemoryPart(name: "trainable values, gradients, moments", bytes: conditions.active * 16),
            MemoryPart(name: "activations", bytes: activations(model, grafts, conditions)),
            MemoryPart(name: "scores of one chunk", bytes: chunk(model, conditions)),
            MemoryPart(name: "engine", bytes: 200 << 20),
        ].filter { $0.bytes > 0 }
    }

    /// What the forward keeps for the backward, in bytes: behind the lowest place that the method changes what each
    /// projection gives, which norms and activations look at again; what goes into those that are trained, once for
    /// those that read the same; the probabilities of attentions before and after dropout. Without a backward it is one
    /// block's.
    private static func activations(_ model: Model, _ grafts: GraftSet, _ conditions: MemoryConditions) -> Int {
        let order = Array(model.projections.values)
        let lowest = conditions.usesBackward ? model.lowestProjection(changedBy: grafts) : 0
        var (channels, inputs) = (0, Set<String>())
        // Scores of the vocabulary are made in chunks; rows of an embedding are looked up.
        for projection in order[lowest...] where !projection.isVocabulary {
            channels += projection.outputSize
            guard grafts.trains(projection) else { continue }
            let input = "\(projection.parentPath) \(projection.inputSize)"
            if inputs.insert(input).inserted { channels += projection.inputSize }
        }
        let first = order.dropFirst(lowest).first?.path ?? ""
        if conditions.keepsProbabilities, conditions.usesBackward {
            let blocks = model.blocks.values.map(\.path)
            let begin = blocks.firstIndex { first.hasPrefix($0 + ".") } ?? 0
            let reached = lowest < order.count ? blocks.dropFirst(begin) : []
            let attentions = model.attentions.values.filter { site in
                reached.contains { site.path.hasPrefix($0 + ".") }
            }
            channels += attentions.reduce(0) { $0 + 2 * $1.heads * conditions.columns }
        }
        let depth = conditions.usesBackward ? 1 : max(1, model.blocks.count)
        // Of an encoder-decoder, a cell is the one half's or the other's.
        return conditions.cells * channels * 4 / (depth * max(1, model.bodies.count))
    }

    /// Two chunks of scores, of which the second is their gradient.
    private static func chunk(_ model: Model, _ conditions: MemoryConditions) -> Int {
        guard conditions.scoresTokens else { return 0 }
        let vocabulary = model.projections.values.map(\.outputSize).max() ?? 0
        return 2 * min(128 << 20, conditions.cells * vocabulary * 4)
    }
}

extension Model {
    /// The first projection that a backward runs through: nothing below is kept. It is the number of projections where
    /// nothing flows back into the network.
    func lowestProjection(changedBy grafts: GraftSet) -> Int {
        // The number of the first parameter of each module, and of each parameter itself.
        var first: [Substring: Int] = [:]
        for (number, name) in parameters.keys.enumerated() {
            var path = Substring(name)
            while !path.isEmpty, first[path] == nil {
                first[path] = number
                path = path[..<(path.lastIndex(of: ".") ?? path.startIndex)]
            }
        }
        func place(_ path: String) -> Int { first[Substring(path)] ?? 0 }
        func parent(_ path: String) -> String { String(path[..<(path.lastIndex(of: ".") ?? path.startIndex)]) }
        let sides = grafts.sides.filter { !$1.detachesBody }
        let paths =
            Array(grafts.projections.keys) + Array(grafts.norms.keys) + Array(grafts.attentions.keys)
            + Array(grafts.blocks.keys) + Array(grafts.parameters.keys) + Array(grafts.tokens.keys)
            + Array(sides.keys) + grafts.sublayers.keys.map(parent)
        guard let lowest = paths.map(place).min() else { return projections.count }
        return projections.values.firstIndex { place($0.weight.name) >= lowest } ?? projections.count
    }
}

extension Projection {
    /// Whether it turns channels into scores of a vocabulary, or tokens into channels.
    fileprivate var isVocabulary: Bool {
        if case .embedding = kind { return true }
        return outputSize > 8 * inputSize
    }

    fileprivate var parentPath: Substring { path[..<(path.lastIndex(of: ".") ?? path.startIndex)] }
}

extension GraftSet {
    /// Whether the backward needs what went into a projection.
    fileprivate func trains(_ projection: Projection) -> Bool {
        projections[projection.path] != nil || parameters[projection.weight.name] != nil
    }
}
