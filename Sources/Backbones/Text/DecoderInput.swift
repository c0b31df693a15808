import Networks
import Torch

extension ModelInput {
    /// The positions of this batch, and the batch with segments where explicit positions show packed examples.
    ///
    /// Positions count from 0 over the padded row; in generation they go on from the cache and skip the padding, so that
    /// a row continues as it would without padding.
    func positioned(_ context: ForwardContext) throws -> (input: ModelInput, positions: Tensor) {
        let shape = try requiredIDs().shape
        guard shape.count == 2, shape[1] > 0 else {
            throw NetworkError.input(
                "input_ids must be [rows, length] with at least one token, found the shape \(shape)")
        }
        let (length, seen) = (shape[1], context.cache?.length ?? 0)
        if let attentionMask, try attentionMask.size(-1) != seen + length {
            throw NetworkError.input(
                "attention_mask covers \(try attentionMask.size(-1)) positions of \(seen + length): it must cover "
                    + "\(seen) cached and \(length) new ones")
        }
        if let positionIDs {
            var input = self
            if segmentIDs == nil, attentionMask == nil, context.cache == nil {
                input.segmentIDs = try ModelInput.segments(of: positionIDs)
            }
            return (input, positionIDs)
        }
        guard segmentIDs == nil else {
            throw NetworkError.input("packed rows need position_ids that start again with each example")
        }
        return (self, try countedPositions(seen: seen, length: length, isCached: context.cache != nil))
    }

    private func countedPositions(seen: Int, length: Int, isCached: Bool) throws -> Tensor {
        guard isCached, let attentionMask else {
            let (start, end) = (Double(seen), Double(seen + length))
            return try Tensor.arange(start, to: end, device: requiredIDs().device).unsqueeze(0)
        }
        let tokens = try attentionMask.ne(0)
        let counted = try (tokens.to(.int64).cumsum(1) - 1).to(.int64)
        return try counted.maskedFill(tokens.not(), 0).narrow(1, seen, length)
    }

    /// A number per run of positions that rise by one; nil when each row is one run.
    private static func segments(of positions: Tensor) throws -> Tensor? {
        let (rows, length) = (try positions.size(0), try positions.size(1))
        guard length > 1 else { return nil }
        let steps = try positions.narrow(1, 1, length - 1) - positions.narrow(1, 0, length - 1)
        let starts = try steps.ne(1)
        if try starts.not().all() { return nil }
        let first = try Tensor.zeros([rows, 1], dtype: .int64, device: positions.device)
        return try Tensor.cat([first, starts.to(.int64).cumsum(1)], dim: 1)
    }
}
