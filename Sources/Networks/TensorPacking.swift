import Torch

/// How a variable is held in an adapter's file in less room than its numbers take: as codes with what they mean.
public protocol TensorPacking: AnyObject {
    /// The parts of a tensor of a shape: what follows `<variable>.` in their names, their shapes and types.
    func parts(of shape: [Int]) -> [(name: String, shape: [Int], dtype: DType)]
    /// The parts, in the order of `parts(of:)`.
    func packed(_ tensor: Tensor) throws -> [Tensor]
    /// The tensor of a shape from its parts, which have the shapes and types that `parts(of:)` names.
    /// - Throws: where they hold what no tensor packs to.
    func unpacked(_ parts: [Tensor], shape: [Int]) throws -> Tensor
}
