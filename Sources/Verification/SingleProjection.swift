import Methods
import Networks
import Torch

/// A network of one linear layer: the smallest model that a method can graft onto.
final class SingleProjection: Network {
    static let path = "layer"
    let projection: Projection

    private init(_ projection: Projection) {
        self.projection = projection
    }

    func callAsFunction(_ input: ModelInput, _ context: ForwardContext) throws -> ModelOutput {
        let y = try projection(try input.requiredPixels(), context)
        return ModelOutput(logits: y, lastHiddenState: y)
    }

    /// A model of one layer with the weights of a case.
    static func model(weight: Tensor, bias: Tensor?) throws -> Model {
        var weights = ["layer.weight": weight]
        weights["layer.bias"] = bias
        let builder = NetworkBuilder(source: TensorWeights(weights))
        let projection = try Projection.linear(
            builder.root(path), input: weight.size(1), output: weight.size(0), bias: bias != nil)
        return Model(SingleProjection(projection), builder)
    }
}
