import Networks
import Torch

/// A weight of its own at one of the projections that share it: the others keep the base's.
///
/// Where a weight is not shared, a whole copy is simply a parameter of the adapter (`GraftSet.parameters`).
public final class SavedProjection: ProjectionGraft {
    /// The weight, in the layout of the projection.
    public let weight: Variable

    /// A copy of the projection's weight, to be loaded or trained.
    public init(at site: Projection) throws {
        weight = try Variable("\(site.path).weight", site.weight.base.clone())
    }

    /// The weight alone.
    public var variables: [Variable] { [weight] }

    /// None: the base's weight plays no part.
    public var residual: Tensor? { nil }

    /// The output of the own weight in place of the base's.
    public func adding(
        to output: Tensor, base: Tensor, x: Tensor, at site: Projection, _ context: ForwardContext
    ) throws -> Tensor {
        let own = try site.apply(weight.value, site.bias?.value, to: x)
        return output.isSame(as: base) ? own : try output + (own - base)
    }

    /// The own weight in place of the base's.
    public func merged(weight: Tensor, bias: Tensor?, at site: Projection) throws -> (weight: Tensor, bias: Tensor?) {
        let dtype = try weight.dtype
        let (base, own) = (try site.weight.value.to(dtype), try self.weight.value.detach().to(dtype))
        return (try weight.isEqual(to: base) ? own : weight + (own - base), bias)
    }
}
