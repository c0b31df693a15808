import Datasets
import Networks
import Torch

extension Batch {
    /// The batch as the network takes it.
    func modelInput(on device: Device) throws -> ModelInput {
        if let images { return ModelInput(pixelValues: try PixelSource.pixels(images).to(device, nonBlocking: true)) }
        func tensor(_ values: [Int64]) throws -> Tensor {
            try Tensor(values, shape: [rows, columns]).to(device, nonBlocking: true)
        }
        let isPadded = attentionMask.contains(0)
        var input = ModelInput(
            inputIDs: try tensor(inputIDs), attentionMask: try isPadded ? tensor(attentionMask) : nil,
            tokenTypeIDs: try typeIDs.map(tensor), positionIDs: try positionIDs.map(tensor),
            segmentIDs: try segmentIDs.map(tensor))
        input.leaveOutPadding(attentionMask)
        input.taskIDs = try taskIDs.map { try Tensor($0).to(device, nonBlocking: true) }
        if case .sequences(_, let length) = targets, let decoderInputIDs {
            input.decoderInputIDs = try Tensor(decoderInputIDs, shape: [rows, length]).to(device, nonBlocking: true)
        }
        return input
    }
}

extension ModelInput {
    /// Says which positions are tokens, where padding is enough of a batch to be worth the copies around attention that
    /// leaving it out takes: a sixteenth.
    /// - Parameter mask: 1 for tokens and 0 for padding, row by row.
    mutating func leaveOutPadding(_ mask: [Int64]) {
        let places = mask.indices.filter { mask[$0] != 0 }
        tokenPlaces = 16 * (mask.count - places.count) >= mask.count ? places.map(Int64.init) : nil
    }
}
