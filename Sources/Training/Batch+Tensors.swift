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
        input.taskIDs = try taskIDs.map { try Tensor($0).to(device, nonBlocking: true) }
        if case .sequences(_, let length) = targets, let decoderInputIDs {
            input.decoderInputIDs = try Tensor(decoderInputIDs, shape: [rows, length]).to(device, nonBlocking: true)
        }
        return input
    }
}
