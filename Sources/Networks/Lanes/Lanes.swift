import Torch

/// Adapters side by side on one frozen network: the rows of a batch stand once for each of them, one block of rows after
/// the other, and each adapter acts on its own block. A *lane* is such a block.
///
/// What is the base's alone is computed over all lanes at once: with frozen weights the rows of a batch do not see one
/// another. What an adapter adds is computed on its lane's rows, with the random draws that it would have alone.
enum Lanes {
    /// The rows of one lane.
    static func slice(_ x: Tensor, _ index: Int, of count: Int) throws -> Tensor {
        let rows = try x.size(0) / count
        return try x.narrow(0, index * rows, rows)
    }

    /// The rows of every lane, apart.
    static func apart(_ x: Tensor, _ count: Int) throws -> [Tensor] {
        try (0..<count).map { try slice(x, $0, of: count) }
    }
}

extension Tensor {
    /// The rows once for each of `count` lanes.
    func repeatedRows(_ count: Int) throws -> Tensor {
        try Tensor.cat(Array(repeating: self, count: count), dim: 0)
    }
}

extension ModelInput {
    /// The batch once for each of `count` lanes.
    public func repeated(_ count: Int) throws -> ModelInput {
        try mapped { try $0.repeatedRows(count) }
    }

    /// The rows of the first of `count` lanes.
    func firstLane(of count: Int) throws -> ModelInput {
        try mapped { try Lanes.slice($0, 0, of: count) }
    }

    private func mapped(_ change: (Tensor) throws -> Tensor) throws -> ModelInput {
        var input = self
        input.inputIDs = try inputIDs.map(change)
        input.attentionMask = try attentionMask.map(change)
        input.tokenTypeIDs = try tokenTypeIDs.map(change)
        input.positionIDs = try positionIDs.map(change)
        input.taskIDs = try taskIDs.map(change)
        input.segmentIDs = try segmentIDs.map(change)
        input.pixelValues = try pixelValues.map(change)
        input.decoderInputIDs = try decoderInputIDs.map(change)
        input.decoderAttentionMask = try decoderAttentionMask.map(change)
        return input
    }
}

extension ForwardContext {
    /// The context of one lane, for what is computed on its rows alone; the same for every lane.
    func ofOneLane() throws -> ForwardContext {
        let context = laneContext ?? ForwardContext(isTraining: isTraining, key: key, scoresOnly: scoresOnly)
        if context.taskIDs == nil { context.taskIDs = try taskIDs.map { try Lanes.slice($0, 0, of: lanes) } }
        laneContext = context
        return context
    }

    /// Refuses a forward that has not a lane for each of the adapters at a site.
    func requireLanes(_ count: Int, at site: String) throws {
        guard lanes == count else {
            throw NetworkError.input(
                "\(site) has \(count) adapters side by side: run the model on the batch once for each of them")
        }
    }

    /// Dropout with the mask that a lane would have alone.
    func laneDropout(_ x: Tensor, _ p: Double, at site: String) throws -> Tensor {
        let rows = try x.shape
        let lane = [rows[0] / lanes] + rows.dropFirst()
        let mask = try withoutGradients {
            try Tensor.ones(lane, dtype: x.dtype, device: x.device).dropout(p, key: key.derived(site))
        }
        return try (x.reshape([lanes] + lane) * mask.unsqueeze(0)).reshape(rows)
    }
}
