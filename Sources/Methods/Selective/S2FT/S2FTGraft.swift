import Networks
import Torch

/// The trained slice of one projection's weight.
public final class S2FTGraft: ProjectionGraft {
    static let sliceName = "s2"
    static let indicesName = "s2_indices"

    /// s₂: rows [k · unit, in] of the weight, or columns [out, k · unit].
    public let slice: Variable
    /// The units [k], in the order in which they stand in the slice.
    public let indices: Variable
    private let areRows: Bool
    /// The rows or columns of the weight.
    private let entries: Tensor

    init(_ place: S2FTPlace, indices units: [Int]) throws {
        let (site, device) = (place.projection, try place.projection.weight.base.device)
        let numbers = place.entries(of: units)
        areRows = place.role.isUpstream
        entries = try Tensor(numbers).to(device)
        let shape = areRows ? [numbers.count, site.inputSize] : [site.outputSize, numbers.count]
        slice = try Variable("\(site.path).\(S2FTGraft.sliceName)", .zeros(shape, device: device))
        indices = try Variable(
            "\(site.path).\(S2FTGraft.indicesName)", Tensor(units.map { Int32($0) }).to(device), role: .frozen)
    }

    /// The slice and its indices.
    public var variables: [Variable] { [slice, indices] }

    /// Adds x s₂ᵀ to the outputs of the rows, or x at the columns times s₂ᵀ to all outputs.
    public func adding(
        to output: Tensor, base: Tensor, x: Tensor, at site: Projection, _ context: ForwardContext
    ) throws -> Tensor {
        let dtype = try slice.value.dtype
        guard areRows else {
            let chosen = try x.indexSelect(-1, entries).to(dtype)
            return try output + chosen.linear(slice.value).to(output.dtype)
        }
        return try output.indexAdd(-1, entries, x.to(dtype).linear(slice.value).to(output.dtype))
    }

    /// The weight with s₂ at its place.
    public func merged(weight: Tensor, bias: Tensor?, at site: Projection) throws -> (weight: Tensor, bias: Tensor?) {
        try withoutGradients {
            let changed = try site.matrix(weight).indexAdd(
                areRows ? 0 : 1, entries, slice.value.detach().to(weight.dtype))
            return (try site.layout(changed), bias)
        }
    }
}
