import Networks
import Torch

/// Existing biases that are trained beside the grafts of an adapter.
public enum TrainedBiases: Sendable {
    /// None of them.
    case none
    /// Every bias of the network.
    case all
    /// Those of the projections that have a graft.
    case adapted
}

extension MethodOption {
    /// `none`, `all`, or the method's own word for those of its projections.
    static func bias(_ property: WritableKeyPath<Owner, TrainedBiases> & Sendable, adapted: String) -> Self {
        let names: [(name: String, value: TrainedBiases)] = [("none", .none), ("all", .all), (adapted, .adapted)]
        return Self(
            "bias", property,
            reading: { keys, key in
                guard let name = try keys.decodeIfPresent(String.self, forKey: key) else { return nil }
                guard let found = names.first(where: { $0.name == name })?.value else {
                    let known = names.map(\.name).joined(separator: ", ")
                    throw MethodError.option("bias: unknown value `\(name)`; known: \(known)")
                }
                return found
            },
            writing: { value in names.first { $0.value == value }?.name })
    }
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
