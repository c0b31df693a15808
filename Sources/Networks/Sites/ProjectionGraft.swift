import Torch

/// What a method puts at a projection: it may change what goes in, the weight, and what comes out. A graft wraps those
/// before it, so that grafts act in the order in which they merge.
public protocol ProjectionGraft: SiteGraft {
    /// The frozen weight this graft was made for, where it is not the base's own (PiSSA, OLoRA, LoftQ). In the layout of
    /// the projection's weight.
    var residual: Tensor? { get }

    /// Whether `weight` gives another weight. Such grafts come before the others of their site, whatever the order of the
    /// adapters.
    var changesWeight: Bool { get }

    /// What goes into the projection in the place of `x`; by default `x`.
    func input(_ x: Tensor, at site: Projection, _ context: ForwardContext) throws -> Tensor

    /// The weight to compute with in the place of `weight`, in the layout of the projection; by default `weight`.
    func weight(_ weight: Tensor, at site: Projection, _ context: ForwardContext) throws -> Tensor

    /// `output` with what the graft makes of it; by default `output`.
    /// - Parameters:
    ///   - output: the projection's output with the grafts before this one.
    ///   - base: the output of the frozen weight alone.
    ///   - x: what went into the projection, as `input` made it.
    func adding(to output: Tensor, base: Tensor, x: Tensor, at site: Projection, _ context: ForwardContext) throws
        -> Tensor

    /// All of the output at once, for a graft that stands alone; nil where it goes by the steps above, as by default.
    /// - Parameter weight: the frozen weight, in the layout of the projection.
    func output(of x: Tensor, frozen weight: Tensor, at site: Projection, _ context: ForwardContext) throws -> Tensor?

    /// The weight and bias that compute the same without the graft, computed in the type of `weight`.
    /// - Parameters:
    ///   - weight: the weight with the grafts before this one, in the layout of the projection's kind; the base's own in
    ///     fp32 (or fp64, to check that) for the first.
    ///   - bias: the same for the bias.
    /// - Returns: with a bias where the graft needs one; a projection that has no place for it refuses to merge.
    /// - Throws: where nothing without the graft computes the same.
    func merged(weight: Tensor, bias: Tensor?, at site: Projection) throws -> (weight: Tensor, bias: Tensor?)
}

extension ProjectionGraft {
    /// None: the graft is made for the base's own weight.
    public var residual: Tensor? { nil }

    /// No.
    public var changesWeight: Bool { false }

    /// The input itself.
    public func input(_ x: Tensor, at site: Projection, _ context: ForwardContext) throws -> Tensor { x }

    /// The weight itself.
    public func weight(_ weight: Tensor, at site: Projection, _ context: ForwardContext) throws -> Tensor { weight }

    /// The output itself.
    public func adding(
        to output: Tensor, base: Tensor, x: Tensor, at site: Projection, _ context: ForwardContext
    ) throws -> Tensor { output }

    /// None: the output is made step by step.
    public func output(
        of x: Tensor, frozen weight: Tensor, at site: Projection, _ context: ForwardContext
    ) throws -> Tensor? { nil }
}
