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
        /// How many tokens each labelled one is scored against; 0 where classes are told apart.
        var vocabulary: Int
        /// Whether attentions hold their probabilities.
        var keepsProbabilities: Bool
        /// False for methods that only run forwards.
        var usesBackward = true
        /// Whether blocks are run again in the backward.
        var gradientCheckpointing = false
    }

    /// The parts of the memory at its peak, in bytes. Held against measured peaks of MiniLM, a Qwen2 shape and a ViT in
    /// docs/reliability.md.
    static func memory(_ model: Model, _ grafts: GraftSet, _ conditions: MemoryConditions) throws -> [MemoryPart] {
        let weights = try model.parameters.values.reduce(0) { try $0 + $1.base.count * $1.base.dtype.size }
        let activations = activations(model, grafts, conditions)
        return [
            MemoryPart(name: "weights", bytes: weights),
            // The copy, its gradient, and AdamW's two moments. Without a backward, weights are moved where they are.
            MemoryPart(
                name: "trainable values, gradients, moments",
                bytes: conditions.usesBackward ? conditions.active * 16 : 0),
            MemoryPart(name: "activations", bytes: activations),
            // Batches of other lengths leave gaps that nothing fits; about a seventh, as measured.
            MemoryPart(name: "freed and not given back", bytes: activations * 15 / 100),
            MemoryPart(name: "scores of one chunk", bytes: chunk(conditions)),
            MemoryPart(name: "engine", bytes: 200 << 20),
        ].filter { $0.bytes > 0 }
    }

    /// What the forward keeps for the backward, in bytes. Without a backward it is one block's; with gradient
    /// checkpointing it is what goes into every block, and one block's.
    private static func activations(_ model: Model, _ grafts: GraftSet, _ conditions: MemoryConditions) -> Int {
        let kept = channels(model, grafts, conditions)
        let all = kept.values.reduce(0, +)
        // Of an encoder-decoder, a cell is the one half's or the other's.
        let halves = max(1, model.bodies.count)
        guard conditions.usesBackward else { return conditions.cells * all * 4 / (max(1, model.blocks.count) * halves) }
        guard conditions.gradientCheckpointing else { return conditions.cells * all * 4 / halves }
        let blocks = kept.filter { !$0.key.isEmpty }
        let entries = blocks.keys.reduce(0) { $0 + (model.blocks[$1]?.size ?? 0) }
        return conditions.cells * ((kept[""] ?? 0) + entries + (blocks.values.max() ?? 0)) * 4 / halves
    }

    /// How many channels of a cell the forward keeps in each block, by its path, and beside the blocks, under the empty
    /// path. It keeps, behind the lowest place that the method changes, what each projection gives, which norms and
    /// activations look at again; what goes into those that are trained, once for those that read the same; what grafts
    /// beside the projections keep; the probabilities of attentions before and after dropout.
    private static func channels(
        _ model: Model, _ grafts: GraftSet, _ conditions: MemoryConditions
    ) -> [String: Int] {
        let (order, blocks) = (Array(model.projections.values), Array(model.blocks.keys))
        func block(around path: String) -> String { blocks.first { path == $0 || path.hasPrefix($0 + ".") } ?? "" }
        let lowest = conditions.usesBackward ? model.lowestProjection(changedBy: grafts) : 0
        var (channels, inputs) = ([String: Int](), Set<String>())
        // Scores of the vocabulary are made in chunks; rows of an embedding are looked up.
        for projection in order[lowest...] where !projection.isVocabulary {
            let block = block(around: projection.path)
            channels[block, default: 0] += projection.outputSize
            guard conditions.usesBackward, grafts.trains(projection) else { continue }
            let input = "\(projection.parentPath) \(projection.inputSize)"
            if inputs.insert(input).inserted { channels[block, default: 0] += projection.inputSize }
        }
        guard conditions.usesBackward else { return channels }
        // A graft behind a branch reads it and adds to it; a side network has some states for each block.
        for path in grafts.sublayers.keys {
            channels[block(around: path), default: 0] += 2 * (model.sublayers[path]?.size ?? 0)
        }
        for path in grafts.sides.keys {
            channels["", default: 0] += model.bodies[path].map { 4 * $0.blocks.count * $0.size } ?? 0
        }
        if conditions.keepsProbabilities, lowest < order.count {
            let first = blocks.firstIndex(of: block(around: order[lowest].path)) ?? 0
            for site in model.attentions.values {
                let block = block(around: site.path)
                guard blocks[first...].contains(block) else { continue }
                channels[block, default: 0] += 2 * site.heads * conditions.columns
            }
        }
        return channels
    }

    /// Two chunks of scores, of which the second is their gradient.
    private static func chunk(_ conditions: MemoryConditions) -> Int {
        2 * min(64 << 20, conditions.cells * conditions.vocabulary * 4)
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
