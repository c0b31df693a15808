import OrderedCollections
import Torch

/// What an adapter puts on a network: grafts by the path of their site, and whole parameters in place of the base's.
public struct GraftSet {
    /// Grafts by the path of their projection.
    public var projections: OrderedDictionary<String, any ProjectionGraft>
    /// Copies by the name of the parameter they stand in for (biases that are trained, modules that are saved whole).
    public var parameters: OrderedDictionary<String, Variable>

    /// A set with the given parts.
    public init(
        projections: OrderedDictionary<String, any ProjectionGraft> = [:],
        parameters: OrderedDictionary<String, Variable> = [:]
    ) {
        self.projections = projections
        self.parameters = parameters
    }

    /// Every tensor of the adapter, in the order of the network.
    public var variables: [Variable] {
        projections.values.flatMap(\.variables) + parameters.values
    }
}
