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

    /// The weight and bias that compute the same without the graft, in fp32.
    /// - Parameters:
    ///   - weight: the base weight in fp32, in the layout of the projection's kind.
    ///   - bias: the base bias in fp32.
    func merged(weight: Tensor, bias: Tensor?, at site: Projection) throws -> (weight: Tensor, bias: Tensor?)
}
