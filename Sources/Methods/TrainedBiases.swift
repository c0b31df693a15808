import Networks
import Torch

/// Existing biases that are trained beside the grafts of an adapter.
enum TrainedBiases {
    case none
    /// Every bias of the network.
    case all
    /// Those of the projections that have a graft.
    case adapted
}

extension GraftSet {
    /// Trainable copies of existing biases.
    mutating func addBiases(_ training: TrainedBiases, of model: Model, adapted: [Projection]) throws {
        switch training {
        case .none: return
        case .adapted:
            for bias in adapted.compactMap(\.bias) { try add(copyOf: bias) }
        case .all:
            for parameter in model.parameters.values where parameter.name.hasSuffix("bias") {
                try add(copyOf: parameter)
            }
        }
    }
}
