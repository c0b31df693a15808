import Torch

/// Two halves: an encoder reads a source, a decoder writes a target and sees what the encoder gave.
public protocol EncoderDecoderBody: AnyObject {
    /// Number of the decoder's layers, each of which keeps keys and values.
    var decoderLayerCount: Int { get }
    /// Positions of the encoder; nil when there is no limit.
    var sourceLimit: Int? { get }
    /// Positions of the decoder; nil when there is no limit.
    var targetLimit: Int? { get }
    /// What a target begins with, and what fills it up.
    var targetTokens: TargetTokens { get }
    /// What the encoder makes of a batch's source.
    func encoded(_ input: ModelInput, _ context: ForwardContext) throws -> EncodedSource
    /// [rows, length, hidden] after the decoder's last layer for `decoderInputIDs`, which see the source of the input.
    func hiddenStates(_ input: ModelInput, seeing source: EncodedSource, _ context: ForwardContext) throws -> Tensor
}

extension EncoderDecoderBody {
    /// Both halves. Where a batch has no ids for the decoder, it reads the source moved right by one.
    public func hiddenStates(_ input: ModelInput, _ context: ForwardContext) throws -> Tensor {
        var input = input
        if input.decoderInputIDs == nil {
            let ids = try input.requiredIDs()
            guard try ids.rank == 2, try ids.size(1) > 0 else {
                throw NetworkError.input(
                    "input_ids must be [rows, length] with at least one token, found \(try ids.shape)")
            }
            input.decoderInputIDs = try targetTokens.movedRight(ids)
        }
        return try hiddenStates(input, seeing: encoded(input, context), context)
    }
}

/// An encoder-decoder that predicts the target's next token.
public protocol EncoderDecoderNetwork: VocabularyNetwork, EncoderDecoderBody {}

extension EncoderDecoderNetwork {
    /// Scores of every position of the target.
    public func callAsFunction(_ input: ModelInput, _ context: ForwardContext) throws -> ModelOutput {
        let hidden = try hiddenStates(input, context)
        return ModelOutput(logits: try scores(hidden, context), lastHiddenState: hidden)
    }
}

/// The tokens around a target.
public struct TargetTokens: Sendable, Equatable {
    /// The decoder's first token.
    public var start: Int
    /// What fills rows up.
    public var padding: Int

    /// The two.
    public init(start: Int, padding: Int) {
        self.start = start
        self.padding = padding
    }

    /// What the decoder reads to predict `labels` [rows, length]: the start token, then all of them but the last. Labels
    /// below zero, which no loss counts, are read as padding.
    public func movedRight(_ labels: Tensor) throws -> Tensor {
        let (rows, length) = (try labels.size(0), try labels.size(1))
        let first = try Tensor.full([rows, 1], Double(start), dtype: .int64, device: labels.device)
        let others = try labels.narrow(1, 0, length - 1)
        return try Tensor.cat([first, others.maskedFill(others.lt(0), Double(padding))], dim: 1)
    }
}

/// What an encoder gave, as the decoder's layers see it.
public final class EncodedSource {
    /// [rows, length, size] of the encoder's last layer.
    public private(set) var states: Tensor
    /// [rows, length], 1 for tokens and 0 for padding; nil when nothing is padded. Rows that grafts put before the
    /// source's tokens are among them.
    public private(set) var attentionMask: Tensor?
    /// Keys and values of the cross attentions, by their index: a generation makes them once.
    private var kept: [Int: (keys: Tensor, values: Tensor)] = [:]

    /// The encoder's output with its mask.
    public init(states: Tensor, attentionMask: Tensor?) {
        self.states = states
        self.attentionMask = attentionMask
    }

    /// The rows of several, one after the other.
    /// - Parameter parts: equally long, all of them with a mask or none.
    public convenience init(joining parts: [EncodedSource]) throws {
        let masks = parts.compactMap(\.attentionMask)
        self.init(
            states: try Tensor.cat(parts.map(\.states), dim: 0),
            attentionMask: masks.isEmpty ? nil : try Tensor.cat(masks, dim: 0))
    }

    /// Keys and values of a cross attention, each [rows, key heads, length, head]. In a generation with a cache only the
    /// first step makes them.
    public func keysAndValues(
        at site: AttentionSite, _ context: ForwardContext, make: (Tensor) throws -> (keys: Tensor, values: Tensor)
    ) throws -> (keys: Tensor, values: Tensor) {
        guard context.cache != nil else { return try make(states) }
        if let found = kept[site.index] { return found }
        let made = try make(states)
        kept[site.index] = made
        return made
    }

    /// Keeps only the given rows, for batches whose members finish at different times.
    public func select(rows: Tensor) throws {
        states = try states.indexSelect(0, rows)
        attentionMask = try attentionMask?.indexSelect(0, rows)
        kept = try kept.mapValues { (try $0.keys.indexSelect(0, rows), try $0.values.indexSelect(0, rows)) }
    }
}
