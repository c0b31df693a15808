import Torch

/// What a method puts at a projection.
public protocol ProjectionGraft: AnyObject {
    /// The tensors of the graft.
    var variables: [Variable] { get }

    /// The frozen weight this graft was made for, where it is not the base's own (PiSSA, OLoRA, LoftQ). In the layout of
    /// the projection's weight.
    var residual: Tensor? { get }

    /// `output` plus what the graft contributes.
    /// - Parameters:
    ///   - output: the projection's output with the grafts before this one.
    ///   - base: the output of the frozen weight alone.
    ///   - x: what went into the projection.
    func adding(to output: Tensor, base: Tensor, x: Tensor, at site: Projection, _ context: ForwardContext) throws
        -> Tensor

    /// The weight and bias that compute the same without the graft, computed in the type of `weight`.
    /// - Parameters:
    ///   - weight: the weight with the grafts before this one, in the layout of the projection's kind; the base's own in
    ///     fp32 (or fp64, to check that) for the first.
    ///   - bias: the same for the bias.
    func merged(weight: Tensor, bias: Tensor?, at site: Projection) throws -> (weight: Tensor, bias: Tensor?)
}
