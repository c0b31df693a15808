import Networks
import Tokenizers
import Torch

/// Continues texts with a causal language model.
///
/// ```swift
/// let generator = try TextGenerator(model, tokenizer: tokenizer, endTokens: [2])
/// let continuation = try generator.generate(["Once upon a time"]) { _, text in show(text) }
/// ```
///
/// Prompts of one call run side by side, filled up on their left; a row's tokens do not depend on the other rows, and
/// rows that are done leave the batch. Long prompts go through the network some rows at a time, for the sake of memory.
public struct TextGenerator {
    private let model: Model
    private let network: any CausalLanguageNetwork
    private let tokenizer: Tokenizer
    private let endTokens: Set<Int>
    private let device: Device
    /// Tokens that go through the network at a time, unless a single row has more.
    var tokensAtATime = BatchPart.tokens

    /// - Parameters:
    ///   - model: with its adapters in effect.
    ///   - endTokens: tokens that end a text; see `EndTokens`.
    /// - Throws: `GenerationError.notCausal`.
    public init(_ model: Model, tokenizer: Tokenizer, endTokens: Set<Int>) throws {
        guard let network = model.network as? any CausalLanguageNetwork else { throw GenerationError.notCausal }
        self.model = model
        self.network = network
        self.tokenizer = tokenizer.withoutTruncation().withoutPadding()
        self.endTokens = endTokens
        device = try model.parameters.values.first?.base.device ?? .cpu
    }

    /// Continues each prompt.
    /// - Parameters:
    ///   - addSpecialTokens: puts the tokenizer's special tokens around the prompts; not for texts of a chat format,
    ///     which spell them out.
    ///   - onText: takes new text as it becomes complete, with the number of its prompt.
    /// - Throws: `GenerationError` before any work, what the network throws.
    public func generate(
        _ prompts: [String], options: GenerationOptions = GenerationOptions(), addSpecialTokens: Bool = true,
        onText: (Int, String) throws -> Void = { _, _ in }
    ) throws -> [Continuation] {
        try options.validate()
        let rows = try prompts.enumerated().map { index, prompt in
            GenerationRow(
                index: index, prompt: try tokens(of: prompt, index: index, addSpecialTokens: addSpecialTokens),
                tokenizer: tokenizer, stopStrings: options.stopStrings)
        }
        guard !rows.isEmpty else { return [] }
        return try withoutGradients { try run(rows, options, onText) }
    }

    private func tokens(of prompt: String, index: Int, addSpecialTokens: Bool) throws -> [Int] {
        var ids = try tokenizer.encode(prompt, addSpecialTokens: addSpecialTokens).ids
        if ids.isEmpty, let start = tokenizer.specialTokens.bos ?? tokenizer.specialTokens.eos { ids = [start.id] }
        guard !ids.isEmpty else { throw GenerationError.emptyPrompt(index: index) }
        if let limit = network.positionLimit, ids.count >= limit {
            throw GenerationError.promptTooLong(index: index, tokens: ids.count, limit: limit)
        }
        if let vocabulary, let foreign = ids.first(where: { $0 >= vocabulary }) {
            throw GenerationError.foreignToken(id: foreign, vocabulary: vocabulary)
        }
        return ids
    }

    private var vocabulary: Int? { model.wordCount }
}

// MARK: The loop

extension TextGenerator {
    private func run(
        _ prompts: [GenerationRow], _ options: GenerationOptions, _ onText: (Int, String) throws -> Void
    ) throws -> [Continuation] {
        let processing = ScoreProcessing(options: options)
        var active = prompts
        var done: [Int: Continuation] = [:]
        var batch = PaddedTexts(prompts.map(\.ids))
        let longest = prompts.map(\.ids.count).max() ?? 0
        let positions = min(positionLimit, longest + min(options.maxNewTokens, positionLimit))
        let cache = options.usesCache ? KeyValueCache(layers: network.layerCount, positions: positions) : nil
        var reading = Reading()
        while !active.isEmpty {
            let next = try processing.tokens(from: scores(batch, cache, &reading), texts: active.map(\.ids))
            for (place, id) in zip(active.indices, next) {
                let row = active[place]
                let isLast =
                    row.newTokens + 1 >= options.maxNewTokens || row.ids.count + 1 >= positionLimit - reading.inserted
                let text = try active[place].append(id, isEnd: endTokens.contains(id), isLast: isLast)
                if !text.isEmpty { try onText(row.index, text) }
            }
            let kept = active.indices.filter { active[$0].finish == nil }
            for row in active where row.finish != nil { done[row.index] = row.continuation }
            if kept.count < active.count, !kept.isEmpty {
                try cache?.select(rows: Tensor(kept.map(Int64.init)).to(device))
            }
            batch.append(next, keeping: kept)
            active = kept.map { active[$0] }
        }
        return prompts.compactMap { done[$0.index] }
    }

    private var positionLimit: Int { network.positionLimit ?? .max }

    /// How far the network has read, where a cache keeps that.
    private struct Reading {
        /// Columns of the batch.
        var columns = 0
        /// Tokens that adapters have put before the texts.
        var inserted = 0
    }

    /// [rows, vocabulary] in fp32: the scores of each row's next token.
    private func scores(_ batch: PaddedTexts, _ cache: KeyValueCache?, _ reading: inout Reading) throws -> Tensor {
        let before = reading
        let parts = BatchPart.parts(of: batch.count, most: tokensAtATime / (batch.columns - before.columns))
        let last = try parts.map { part in
            let context = ForwardContext(cache: cache)
            let input = try batch.input(part.rows, seen: before.columns, inserted: before.inserted, on: device)
            let hidden =
                try cache.map { cache in
                    try cache.appending(part) { try network.hiddenStates(input, context) }
                } ?? network.hiddenStates(input, context)
            if before.columns == 0 { reading.inserted = context.insertedRows }
            // A copy, so that the states of the other positions go.
            return try hidden.narrow(1, hidden.size(1) - 1, 1).squeeze(1).clone()
        }
        if cache != nil { reading.columns = batch.columns }
        return try network.scores(Tensor.cat(last, dim: 0), ForwardContext(cache: cache)).to(.float32)
    }
}
