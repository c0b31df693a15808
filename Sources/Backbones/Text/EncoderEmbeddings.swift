import Networks
import Torch

/// Word, position and segment embeddings, summed and normalised.
final class EncoderEmbeddings {
    /// The table that a tied decoder shares.
    let words: Projection
    private let positions: Projection
    private let types: Projection
    private let norm: LayerNorm
    private let settings: EncoderSettings
    private let path: String

    init(_ scope: Scope, _ settings: EncoderSettings) throws {
        self.settings = settings
        path = scope.path
        words = try .embedding(
            scope("word_embeddings"), count: settings.vocabulary, size: settings.hidden, paddingRow: settings.padding)
        positions = try .embedding(
            scope("position_embeddings"), count: settings.positions, size: settings.hidden,
            paddingRow: settings.positionPadding)
        types = try .embedding(scope("token_type_embeddings"), count: settings.types, size: settings.hidden)
        norm = try LayerNorm(scope("LayerNorm"), size: settings.hidden, eps: settings.eps)
    }

    func callAsFunction(_ input: ModelInput, _ context: ForwardContext) throws -> Tensor {
        let ids = try input.requiredIDs()
        let typeIDs = try input.tokenTypeIDs ?? Tensor.zeros(ids.shape, dtype: .int64, device: ids.device)
        let sum =
            try words(ids, context) + types(typeIDs, context)
            + positions(positionIDs(ids, given: input.positionIDs), context)
        return try context.dropout(norm(sum), settings.hiddenDropout, at: path)
    }

    private func positionIDs(_ ids: Tensor, given: Tensor?) throws -> Tensor {
        if let given {
            try check(last: Int(given.amax().item()))
            return given
        }
        let length = try ids.size(1)
        guard let padding = settings.positionPadding else {
            try check(last: length - 1)
            return try Tensor.arange(to: Double(length), device: ids.device).unsqueeze(0)
        }
        let tokens = try ids.ne(Double(padding)).to(.int64)
        // Padding takes no position, so a padded row may be longer than the table.
        if length + padding >= settings.positions {
            try check(last: padding + Int(tokens.sum([1]).amax().item()))
        }
        return try (tokens.cumsum(1) * tokens + Double(padding)).to(.int64)
    }

    /// Refuses positions beyond the table: `last` is the largest that a batch uses.
    private func check(last: Int) throws {
        guard last < settings.positions else {
            let first = settings.positionPadding.map { $0 + 1 } ?? 0
            throw NetworkError.input(
                "a sequence of \(last - first + 1) tokens is longer than the \(max(0, settings.positions - first)) "
                    + "positions that the model has: set max_length")
        }
    }
}
