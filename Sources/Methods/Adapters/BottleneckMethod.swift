import Networks
import Torch

/// A method that puts bottlenecks behind parts of a block: Houlsby's and Pfeiffer's.
public protocol BottleneckMethod: TargetsModules {
    /// Channels of the bottleneck; nil for a share of the residual's, by `reductionFactor`.
    var bottleneck: Int? { get set }
    /// Channels of the residual for each of the bottleneck.
    var reductionFactor: Double? { get set }
    /// σ.
    var adapterActivation: Activation { get set }
    /// How the maps start.
    var initWeights: BottleneckStart { get set }
    /// Dropout inside the bottleneck in training.
    var adapterDropout: Double { get set }
}

extension BottleneckMethod {
    private var width: BottleneckWidth {
        BottleneckWidth(bottleneck: bottleneck, reductionFactor: reductionFactor)
    }

    /// Refuses widths and rates that cannot be, before any model is needed.
    public func validate() throws {
        try width.validate()
        try MethodError.requireDropout(adapterDropout, option: "adapter_dropout")
    }

    /// A bottleneck for each chosen sub-layer of the given roles.
    func bottlenecks(
        for model: Model, roles: Set<Sublayer.Role>, _ wiring: BottleneckWiring, _ start: GraftStart
    ) throws -> GraftSet {
        try validate()
        var set = GraftSet()
        try set.addBottlenecks(at: selection(start).sublayers(of: model, roles: roles), start) { site in
            BottleneckSettings(
                width: try width.channels(of: site.size), activation: adapterActivation, start: initWeights,
                wiring: wiring, dropout: adapterDropout)
        }
        return set
    }
}
