import Adapters
import Backbones
import Datasets
import Foundation
import JSON
import Networks
import OrderedCollections
import Tokenizers
import Torch

/// Locates a classifier's skill between a checkpoint and its fine-tuned version: learns a `GraftMask` on rows and gives
/// the hard graft of the best scores.
public struct SkillLocalization {
    /// What an epoch found.
    public struct Epoch: Sendable {
        /// From 1.
        public let number: Int
        /// Mean loss of its batches at the soft graft.
        public let loss: Double
        /// Accuracy of the hard graft on its rows.
        public let trainAccuracy: Double
        /// Accuracy of the hard graft on the rows for validation.
        public let validationAccuracy: Double?
        /// Scalars of the hard graft.
        public let size: Int
    }

    /// What the whole found.
    public struct Outcome {
        /// Scalars of the graft.
        public let size: Int
        /// Scalars that could have been grafted.
        public let graftable: Int
        /// The epoch whose scores were kept; 0 for the base patch.
        public let bestEpoch: Int
        /// Accuracy on the rows for judging (validation, else training): before, grafted and fine-tuned.
        public let accuracies: (pre: Double, grafted: Double, fine: Double)
        /// The graft.
        public let difference: SparseDifference
    }

    private let options: LocalizationOptions
    private let pre: LoadedModel
    private let fine: LoadedModel
    private let folders: (pre: URL, fine: URL)
    private let data: PreparedData
    private let loader: BatchLoader
    private let objective: ClassificationObjective
    private let names: [String]

    /// Loads both checkpoints and the rows.
    public init(pre: URL, fine: URL, data: DataOptions, options: LocalizationOptions) async throws {
        var configuration = TrainingConfiguration(
            model: fine.path, data: data.trainFile, task: .classification, outputDirectory: "")
        configuration.data = data
        configuration.training.seed = options.seed
        let rows = try await PreparedData.read(
            configuration, tokenizer: Tokenizer(contentsOf: fine), model: ModelConfig(folder: fine))
        try self.init(pre: pre, fine: fine, rows: rows, options: options)
    }

    /// Loads both checkpoints for rows that are read already.
    init(pre: URL, fine: URL, rows: PreparedData, options: LocalizationOptions) throws {
        try options.validate()
        self.options = options
        folders = (pre, fine)
        data = rows
        self.fine = try Backbones.load(fine)
        guard case .sequenceClassification(let classes) = self.fine.head, self.fine.newParameters.isEmpty else {
            throw LocalizationError.option("\(fine.path): a skill is located in a fine-tuned classifier")
        }
        self.pre = try Backbones.load(pre, head: self.fine.head, options: .init(seed: options.seed))
        objective = ClassificationObjective(classes: classes)
        let batching = BatchingOptions(
            strategy: .random, batchSize: options.batchSize, seed: UInt64(bitPattern: Int64(options.seed)))
        let collator = try Collator(padID: data.padID ?? 0, paddingSide: .right, maximumColumns: data.limit)
        loader = try BatchLoader(data.training, options: batching, collator: collator)
        let new = Set(self.pre.newParameters)
        names = options.graftable(self.pre.model.parameters.keys.filter { !new.contains($0) })
        guard !names.isEmpty else {
            throw LocalizationError.nothingGraftable("no parameter fits fix_layers, only_biases and the rest")
        }
    }

    /// Learns the mask.
    ///
    /// - Parameters:
    ///   - patch: γ_base by parameter name; nil for the largest movement.
    ///   - progress: gets each epoch.
    public func run(
        patch: [String: Tensor]? = nil, progress: (Epoch) throws -> Void = { _ in }
    ) throws -> Outcome {
        let (before, after) = (try values(of: pre), try values(of: fine))
        let base =
            try patch.map { patch in try before.mapValuesByName { try patch[$0] ?? $1.zerosLike() } }
            ?? GraftMask.highestMovement(pre: before, fine: after, sparsity: options.sparsity)
        let key = RandomKey(seed: options.seed).derived("graft-scores")
        var mask = try GraftMask(
            pre: before, fine: after, base: base, scores: GraftMask.initialScores(like: before, key: key),
            bias: options.sigmoidBias)
        var best = (score: 0.0, epoch: 0, scores: mask.scores)
        try setOthers()
        defer { try? reset() }
        for epoch in 0..<options.epochs {
            let batches = try batches(of: epoch)
            let losses = try mask.step(batches: batches.count, rate: options.learningRate) { weights, index in
                try set(weights)
                let batch = batches[index]
                guard let sum = try objective.lossSum(pre.model, batch, ForwardContext(), on: .cpu) else {
                    throw LocalizationError.notFinite(batch: index)
                }
                return try sum / Double(batch.targets.labelledCount)
            }
            try set(mask.hardWeights())
            let train = try accuracy(batches)
            let validation = try data.validation.map(accuracy)
            let score = train + (validation ?? 0)
            if score > best.score { best = (score, epoch + 1, mask.scores) }
            try progress(
                Epoch(
                    number: epoch + 1, loss: losses.reduce(0, +) / Double(max(1, losses.count)),
                    trainAccuracy: train, validationAccuracy: validation, size: mask.size()))
        }
        return try outcome(mask.with(scores: best.scores), epoch: best.epoch, before, after)
    }

    private func outcome(
        _ mask: GraftMask, epoch: Int, _ before: OrderedDictionary<String, Tensor>,
        _ after: OrderedDictionary<String, Tensor>
    ) throws -> Outcome {
        let rows = data.validation ?? data.training
        try set(before)
        let first = try accuracy(rows)
        try set(mask.hardWeights())
        let grafted = try accuracy(rows)
        let last = try ClassificationAccuracy.of(fine.model, objective, loader(rows))
        return Outcome(
            size: try mask.size(), graftable: try mask.graftable, bestEpoch: epoch,
            accuracies: (first, grafted, last), difference: try difference(mask))
    }

    /// The graft in the types and names of the base's files.
    private func difference(_ mask: GraftMask) throws -> SparseDifference {
        var (entries, whole): ([String: SparseDifference.Entries], [String: Tensor]) = ([:], [:])
        let (preFiles, fineFiles) = (
            try CheckpointFiles(folder: folders.pre), try CheckpointFiles(folder: folders.fine)
        )
        for (name, bits) in try mask.hard() {
            guard let source = pre.model.parameters[name], let target = fine.model.parameters[name] else { continue }
            let places = try bits.reshape([-1]).nonzero().reshape([-1])
            guard try places.count > 0 else { continue }
            let dtype = try preFiles.tensor(source.fileName).dtype
            let values = try fineFiles.tensor(target.fileName).to(dtype).reshape([-1]).indexSelect(0, places)
            entries[source.fileName] = .init(indices: try places.array(), values: values)
        }
        let graftable = Set(names)
        for (name, parameter) in pre.model.parameters where !graftable.contains(name) {
            guard let target = fine.model.parameters[name], parameter.isNew || options.othersFrom == .fine else {
                continue
            }
            let value = try fineFiles.tensor(target.fileName)
            let isSame = try !parameter.isNew && target.base.isEqual(to: parameter.base)
            if !isSame { whole[parameter.fileName] = value }
        }
        let config = try JSON.Node(contentsOf: folders.fine.appendingPathComponent("config.json")).value
        return SparseDifference(entries: entries, whole: whole, config: config)
    }
}

// MARK: The working copy

extension SkillLocalization {
    private func values(of loaded: LoadedModel) throws -> OrderedDictionary<String, Tensor> {
        var values = OrderedDictionary<String, Tensor>()
        for name in names {
            guard let parameter = loaded.model.parameters[name] else { throw LocalizationError.missing(name: name) }
            values[name] = parameter.base
        }
        return values
    }

    private func set(_ weights: OrderedDictionary<String, Tensor>) throws {
        for (name, tensor) in weights { try pre.model.parameters[name]?.replace(with: tensor) }
    }

    /// Puts the fine-tuned values where the option, or a tensor that the base lacks, wants them.
    private func setOthers() throws {
        let graftable = Set(names)
        for (name, parameter) in pre.model.parameters where !graftable.contains(name) {
            guard parameter.isNew || options.othersFrom == .fine else { continue }
            guard let other = fine.model.parameters[name] else { throw LocalizationError.missing(name: name) }
            try parameter.replace(with: other.base)
        }
    }

    private func reset() throws {
        for parameter in pre.model.parameters.values { try parameter.replace(with: nil) }
    }

    private func batches(of epoch: Int) throws -> [Batch] {
        var batches = loader.batches(from: BatchPosition(epoch: epoch))
        var taken: [Batch] = []
        while taken.count < options.batches, let batch = try batches.nextBatch() { taken.append(batch) }
        return taken
    }

    private func loader(_ rows: EncodedDataset) throws -> [Batch] {
        var batches = try BatchLoader(
            rows, options: BatchingOptions(strategy: .sequential, batchSize: 32), collator: loader.collator
        ).batches(from: BatchPosition())
        var all: [Batch] = []
        while let batch = try batches.nextBatch() { all.append(batch) }
        return all
    }

    private func accuracy(_ rows: EncodedDataset) throws -> Double { try accuracy(loader(rows)) }

    private func accuracy(_ batches: [Batch]) throws -> Double {
        try ClassificationAccuracy.of(pre.model, objective, batches)
    }
}

/// The share of rows whose class a model finds.
private enum ClassificationAccuracy {
    static func of(_ model: Model, _ objective: ClassificationObjective, _ batches: [Batch]) throws -> Double {
        try withoutGradients {
            var (right, all) = (0, 0)
            for batch in batches {
                guard case .classes(let labels) = batch.targets else { continue }
                let scores = try objective.scores(model, batch, ForwardContext(scoresOnly: true), on: .cpu)
                let found: [Int64] = try scores.argmax(-1).array()
                right += zip(found, labels).count { $0 == $1 }
                all += labels.count
            }
            return all == 0 ? 0 : Double(right) / Double(all)
        }
    }
}

extension OrderedDictionary where Key == String, Value == Tensor {
    fileprivate func mapValuesByName(_ transform: (String, Tensor) throws -> Tensor) rethrows -> Self {
        var mapped = Self()
        for (name, tensor) in self { mapped[name] = try transform(name, tensor) }
        return mapped
    }
}
