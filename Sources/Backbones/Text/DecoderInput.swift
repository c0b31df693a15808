import Networks
import Torch

extension ModelInput {
    /// The positions of this batch, [rows or 1, length].
    ///
    /// They count from 0 over the padded row; in generation they go on from the cache and skip the padding, so that
    /// a row continues as it would without padding.
    /// - Parameter embedded: the rows that go into the first block, inserted ones among them.
    func positions(of embedded: Tensor, _ context: ForwardContext) throws -> Tensor {
        let (length, seen) = (try embedded.size(1), context.cache?.length ?? 0)
        if let attentionMask, try attentionMask.size(-1) != seen + length {
            throw NetworkError.input(
                "attention_mask covers \(try attentionMask.size(-1)) positions of \(seen + length): it must cover "
                    + "\(seen) cached and \(length) new ones")
        }
        if let positionIDs { return positionIDs }
        guard segmentIDs == nil else {
            throw NetworkError.input("packed rows need position_ids that start again with each example")
        }
        let counted = try countedPositions(seen: seen, length: length, isCached: context.cache != nil)
        return try positionOffset == 0 ? counted : (counted + Double(positionOffset)).to(.int64)
    }

    /// The ids, [rows, length] with at least one token.
    func checkedIDs() throws -> Tensor {
        let ids = try requiredIDs()
        let shape = try ids.shape
        guard shape.count == 2, shape[1] > 0 else {
            throw NetworkError.input(
                "input_ids must be [rows, length] with at least one token, found the shape \(shape)")
        }
        return ids
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
}
