import Networks
import Torch

/// A network of linear layers, one after the other: the smallest model that a method can graft onto. Where layers do not
/// follow each other, each is run alone through `Model.projections`.
public final class ProjectionChain: Network {
    /// Weights of one layer.
    public struct Layer {
        /// Its path in the network.
        public var path: String
        /// [out, in]; [out, in, height, width] of a convolution.
        public var weight: Tensor
        /// [out], if it has one.
        public var bias: Tensor?
        /// What a convolution is beside its weight; nil for a linear layer.
        public var convolution: Projection.Convolution?

        /// A layer with the given weights.
        public init(path: String, weight: Tensor, bias: Tensor? = nil) {
            self.path = path
            self.weight = weight
            self.bias = bias
        }
    }

    private let projections: [Projection]
    private let activation: (Tensor) throws -> Tensor

    private init(_ projections: [Projection], _ activation: @escaping (Tensor) throws -> Tensor) {
        self.projections = projections
        self.activation = activation
    }

    /// The layers one after the other, from `pixelValues` on.
    public func callAsFunction(_ input: ModelInput, _ context: ForwardContext) throws -> ModelOutput {
        var y = try input.requiredPixels()
        for (index, projection) in projections.enumerated() {
            y = try projection(index > 0 ? activation(y) : y, context)
        }
        return ModelOutput(logits: y, lastHiddenState: y)
    }

    /// A model of layers with given weights.
    /// - Parameter activation: between the layers; by default nothing.
    public static func model(
        _ layers: [Layer], dtype: DType = .float32, activation: @escaping (Tensor) throws -> Tensor = { $0 }
    ) throws -> Model {
        var weights: [String: Tensor] = [:]
        for layer in layers {
            weights[layer.path + ".weight"] = layer.weight
            weights[layer.path + ".bias"] = layer.bias
        }
        let builder = NetworkBuilder(source: TensorWeights(weights), options: .init(dtype: dtype))
        let projections = try layers.map { layer in
            if let convolution = layer.convolution {
                return try Projection.convolution(builder.root(layer.path), convolution, bias: layer.bias != nil)
            }
            return try Projection.linear(
                builder.root(layer.path), input: layer.weight.size(1), output: layer.weight.size(0),
                bias: layer.bias != nil)
        }
        return Model(ProjectionChain(projections, activation), builder)
    }
}

/// A network of one linear layer.
public enum SingleProjection {
    /// The layer's path.
    public static let path = "layer"

    /// A model of one layer with the weights of a case.
    public static func model(weight: Tensor, bias: Tensor?) throws -> Model {
        try ProjectionChain.model([ProjectionChain.Layer(path: path, weight: weight, bias: bias)])
    }
}
