import Networks
import Torch

/// Word, position and segment embeddings, summed and normalised.
final class EncoderEmbeddings {
    /// The table that a tied decoder shares.
    let words: Projection
    private let positions: Projection
    private let types: Projection
    private let norm: Norm
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
        norm = try .layer(scope("LayerNorm"), size: settings.hidden, eps: settings.eps)
    }

    /// - Parameter input: its masks and segments follow where grafts insert rows.
    func callAsFunction(_ input: inout ModelInput, at body: Body, _ context: ForwardContext) throws -> Tensor {
        let ids = try input.requiredIDs()
        let embedded = try body.embedded(words(ids, context), &input, context)
        let shape = Array(try embedded.shape.prefix(2))
        let typeIDs = try input.tokenTypeIDs ?? Tensor.zeros(shape, dtype: .int64, device: ids.device)
        let sum =
            try embedded + types(typeIDs, context)
            + positions(positionIDs(ids, length: shape[1], input), context)
        return try context.dropout(norm(sum, context), settings.hiddenDropout, at: path)
    }

    /// - Parameter length: of the rows, which may have more than the tokens' ids.
    private func positionIDs(_ ids: Tensor, length: Int, _ input: ModelInput) throws -> Tensor {
        if let given = input.positionIDs {
            try check(last: Int(given.amax().item()))
            return given
        }
        guard let padding = settings.positionPadding, try length == ids.size(1), input.positionOffset == 0 else {
            // Rows that are not tokens have no padding among them to skip.
            let first = (settings.positionPadding.map { $0 + 1 } ?? 0) + input.positionOffset
            try check(last: first + length - 1)
            return try Tensor.arange(Double(first), to: Double(first + length), device: ids.device).unsqueeze(0)
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
