import Networks
import Tokenizers
import Torch

/// Writes targets of sources with an encoder-decoder: the encoder reads a source once, the decoder writes token by token.
///
/// Sources of one call run side by side, filled up on their right; a row's tokens do not depend on the other rows, and
/// rows that are done leave the batch. `Continuation.promptTokens` counts the source's tokens.
public struct TargetGenerator: TextWriter {
    private let network: any EncoderDecoderNetwork
    private let vocabulary: Int?
    private let tokenizer: Tokenizer
    private let endTokens: Set<Int>
    private let device: Device
    /// Tokens that go through the encoder at a time, unless a single row has more.
    var tokensAtATime = BatchPart.tokens

    /// - Parameters:
    ///   - model: with its adapters in effect.
    ///   - endTokens: tokens that end a text; see `EndTokens`.
    /// - Throws: `GenerationError.notCausal`.
    public init(_ model: Model, tokenizer: Tokenizer, endTokens: Set<Int>) throws {
        guard let network = model.network as? any EncoderDecoderNetwork else { throw GenerationError.notCausal }
        self.network = network
        vocabulary = model.wordCount
        self.tokenizer = tokenizer.withoutTruncation().withoutPadding()
        self.endTokens = endTokens
        device = try model.parameters.values.first?.base.device ?? .cpu
    }

    /// Writes a target of each source.
    public func generate(
        _ prompts: [String], options: GenerationOptions = GenerationOptions(), addSpecialTokens: Bool = true,
        onText: (Int, String) throws -> Void = { _, _ in }
    ) throws -> [Continuation] {
        try options.validate()
        let sources = try prompts.enumerated().map { index, prompt in
            try tokens(of: prompt, index: index, addSpecialTokens: addSpecialTokens)
        }
        guard !sources.isEmpty else { return [] }
        return try withoutGradients { try run(sources, options, onText) }
    }

    private func tokens(of source: String, index: Int, addSpecialTokens: Bool) throws -> [Int] {
        let ids = try tokenizer.encode(source, addSpecialTokens: addSpecialTokens).ids
        guard !ids.isEmpty else { throw GenerationError.emptyPrompt(index: index) }
        if let limit = network.sourceLimit, ids.count > limit {
            throw GenerationError.promptTooLong(index: index, tokens: ids.count, limit: limit)
        }
        if let vocabulary, let foreign = ids.first(where: { $0 >= vocabulary }) {
            throw GenerationError.foreignToken(id: foreign, vocabulary: vocabulary)
        }
        return ids
    }

    private func run(
        _ sources: [[Int]], _ options: GenerationOptions, _ onText: (Int, String) throws -> Void
    ) throws -> [Continuation] {
        let processing = ScoreProcessing(options: options)
        let source = try encoded(sources)
        let cache = options.usesCache ? KeyValueCache(layers: network.decoderLayerCount) : nil
        var active = sources.indices.map {
            GenerationRow(
                index: $0, prompt: [network.targetTokens.start], tokenizer: tokenizer, stopStrings: options.stopStrings)
        }
        var done: [Int: Continuation] = [:]
        while !active.isEmpty {
            let scores = try scores(active, seeing: source, cache)
            for place in active.indices {
                let row = active[place]
                let processed = try processing(scores.select(0, place), seen: row.ids)
                let id = try processing.token(from: processed, position: row.ids.count)
                let isLast =
                    row.newTokens + 1 >= options.maxNewTokens || row.ids.count >= network.targetLimit ?? .max
                let text = try active[place].append(id, isEnd: endTokens.contains(id), isLast: isLast)
                if !text.isEmpty { try onText(row.index, text) }
            }
            let kept = active.indices.filter { active[$0].finish == nil }
            for row in active where row.finish != nil {
                var continuation = row.continuation
                continuation.promptTokens = sources[row.index].count
                done[row.index] = continuation
            }
            if kept.count < active.count, !kept.isEmpty {
                let rows = try Tensor(kept.map(Int64.init)).to(device)
                try cache?.select(rows: rows)
                try source.select(rows: rows)
            }
            active = kept.map { active[$0] }
        }
        return sources.indices.compactMap { done[$0] }
    }

    /// What the encoder makes of the sources, side by side: some rows at a time, for the sake of memory.
    private func encoded(_ sources: [[Int]]) throws -> EncodedSource {
        let columns = sources.map(\.count).max() ?? 0
        let isPadded = sources.contains { $0.count < columns }
        let parts = try BatchPart.parts(of: sources.count, most: tokensAtATime / max(1, columns)).map { part in
            func rectangle(_ values: ([Int]) -> [Int], blank: Int) throws -> Tensor {
                let cells = sources[part.rows].flatMap {
                    values($0) + Array(repeating: blank, count: columns - $0.count)
                }
                return try Tensor(cells.map(Int64.init), shape: [part.rows.count, columns]).to(device)
            }
            var input = ModelInput(inputIDs: try rectangle({ $0 }, blank: network.targetTokens.padding))
            if isPadded { input.attentionMask = try rectangle({ $0.map { _ in 1 } }, blank: 0) }
            return try network.encoded(input, ForwardContext())
        }
        return try EncodedSource(joining: parts)
    }

    /// [rows, vocabulary] in fp32: the scores of each row's next token. All rows are equally long.
    private func scores(_ rows: [GenerationRow], seeing source: EncodedSource, _ cache: KeyValueCache?) throws -> Tensor
    {
        let ids = rows.map { cache == nil ? $0.ids : $0.ids.suffix(1) }
        var input = ModelInput()
        input.decoderInputIDs = try Tensor(
            ids.joined().map(Int64.init), shape: [rows.count, ids.first?.count ?? 0]
        ).to(device)
        let context = ForwardContext(cache: cache)
        let hidden = try network.hiddenStates(input, seeing: source, context)
        let last = try hidden.narrow(1, hidden.size(1) - 1, 1).squeeze(1)
        return try network.scores(last, context).to(.float32)
    }
}
