import Torch

/// A batch as the network takes it. Text models read the ids, vision models the pixels.
public struct ModelInput {
    /// [rows, length] token ids.
    public var inputIDs: Tensor?
    /// [rows, length], 1 for tokens and 0 for padding; nil when nothing is padded. What masked tokens themselves see is
    /// left open, unless the mask is [rows, 1 or queries, length].
    public var attentionMask: Tensor?
    /// [rows, length] segment of a pair.
    public var tokenTypeIDs: Tensor?
    /// [rows, length]; nil for the family's own counting.
    public var positionIDs: Tensor?
    /// Added to the positions that the family counts: grafts that stand for earlier tokens move the others on.
    public var positionOffset = 0
    /// [rows] number of the task that an example belongs to, for methods that route by it.
    public var taskIDs: Tensor?
    /// [rows, length] number of the packed example that a token belongs to; attention stays inside one.
    public var segmentIDs: Tensor?
    /// [rows, channels, height, width].
    public var pixelValues: Tensor?
    /// [rows, target length] token ids that the decoder of an encoder-decoder reads.
    public var decoderInputIDs: Tensor?
    /// [rows, target length] as `attentionMask`, for the decoder's own tokens.
    public var decoderAttentionMask: Tensor?

    /// The tokens among padding, as flat numbers row · length + column in rising order, of the ids of one lane: the other
    /// positions need not be computed, and what comes out for them is left open. Nil computes all.
    public var tokenPlaces: [Int64]?
    /// The positions whose last hidden states are asked for, as flat numbers like `tokenPlaces`: a causal network then gives
    /// [1, count, hidden] in the place of whole rows, or as many for each lane. Nil asks for all.
    public var wantedPlaces: [Int64]?
    /// The positions that go through the blocks; nil where whole rows do.
    public internal(set) var tokens: TokenLayout?
    /// In the last block the positions that are read after it; nil where all are.
    public internal(set) var wanted: TokenLayout?

    /// The positions that queries are made of.
    public var queries: TokenLayout? { wanted ?? tokens }

    /// A batch with the given parts.
    public init(
        inputIDs: Tensor? = nil, attentionMask: Tensor? = nil, tokenTypeIDs: Tensor? = nil, positionIDs: Tensor? = nil,
        segmentIDs: Tensor? = nil, pixelValues: Tensor? = nil
    ) {
        self.inputIDs = inputIDs
        self.attentionMask = attentionMask
        self.tokenTypeIDs = tokenTypeIDs
        self.positionIDs = positionIDs
        self.segmentIDs = segmentIDs
        self.pixelValues = pixelValues
    }

    /// The ids, which a text model needs.
    public func requiredIDs() throws -> Tensor {
        guard let inputIDs else { throw NetworkError.input("a text model needs input_ids") }
        return inputIDs
    }

    /// The pixels, which a vision model needs.
    public func requiredPixels() throws -> Tensor {
        guard let pixelValues else { throw NetworkError.input("a vision model needs pixel_values") }
        return pixelValues
    }
}
