import Networks
import Torch

/// The deltas of one projection.
public final class SpIELGraft: ProjectionGraft {
    /// What is added to the weight: [k].
    public let values: Variable
    /// Where, in the matrix [out, in] row by row: [k], each at most once.
    public let indices: Variable
    /// SM3's accumulators of rows [out] and columns [in]; nil without them.
    let accumulators: (row: Variable, column: Variable)?
    /// True while the forward notes what the weight's gradient is made of.
    var isMeasuring = false
    let probe = WeightGradientProbe()
    let sizes: (input: Int, output: Int)

    /// - Parameters:
    ///   - count: k.
    ///   - key: of the random draws of this projection.
    ///   - stored: the tensors of an adapter that is read.
    init(_ method: SpIEL, count: Int, at site: Projection, key: RandomKey, stored: (any StoredTensors)?) throws {
        sizes = (site.inputSize, site.outputSize)
        let (path, size) = (site.path, sizes.input * sizes.output)
        let places: Tensor
        if let stored {
            try stored.require(count, of: "\(path).sft_indices", dimension: 0)
            places = try SpIELGraft.checked(stored, "\(path).sft_indices", below: size)
        } else {
            places = try Tensor.uniform([size], 0, 1, key: key).topK(count).indices.sorted(0).values
        }
        values = try Variable("\(path).sft_values", .zeros([count]))
        indices = try Variable(
            "\(path).sft_indices", places.to(size <= Int(Int32.max) ? .int32 : .int64), role: .frozen)
        accumulators =
            try method.selectionAlgorithm == .sm3
            ? (
                Variable("\(path).sft_row", .zeros([sizes.output]), role: .state),
                Variable("\(path).sft_column", .zeros([sizes.input]), role: .state)
            ) : nil
    }

    /// The indices of a file, each of which must be a place of its own in the matrix.
    private static func checked(_ stored: any StoredTensors, _ name: String, below size: Int) throws -> Tensor {
        guard let tensor = try stored.tensor(name), try !tensor.dtype.isFloatingPoint, try tensor.rank == 1 else {
            throw MethodError.stored("\(name) must be in the file as a list of integers")
        }
        let places = try tensor.array(of: Int64.self)
        guard places.allSatisfy({ (0..<Int64(size)).contains($0) }), Set(places).count == places.count else {
            throw MethodError.stored("\(name) has an index twice, or one that is not below \(size)")
        }
        return try Tensor(places)
    }

    /// Values, indices and accumulators.
    public var variables: [Variable] {
        [values, indices, accumulators?.row, accumulators?.column].compactMap { $0 }
    }

    /// Yes: the deltas are on it.
    public var changesWeight: Bool { true }

    /// The indices as the engine's lookups want them.
    var places: Tensor {
        get throws { try indices.value.to(.int64) }
    }

    /// Rows and columns of places in the matrix.
    func coordinates(of places: Tensor) throws -> (rows: Tensor, columns: Tensor) {
        // In fp64, which holds every place exactly; the engine's quotients of integers are fp32.
        let (wide, width) = (try places.to(.float64), Double(sizes.input))
        let rows = try (wide / width).floor()
        return (try rows.to(.int64), try (wide - rows * width).to(.int64))
    }
}

// MARK: Forward and merge

extension SpIELGraft {
    /// The weight with the deltas on it.
    public func weight(_ weight: Tensor, at site: Projection, _ context: ForwardContext) throws -> Tensor {
        let matrix = try site.matrix(weight)
        let patched = try matrix.reshape([-1]).indexAdd(0, places, values.value.to(weight.dtype))
        return try site.layout(patched.reshape([sizes.output, sizes.input]))
    }

    /// The output, noted for the weight's gradient.
    public func adding(
        to output: Tensor, base: Tensor, x: Tensor, at site: Projection, _ context: ForwardContext
    ) throws -> Tensor {
        isMeasuring && context.isTraining ? try probe.noting(output, x) : output
    }

    /// The weight with the deltas on it.
    public func merged(weight: Tensor, bias: Tensor?, at site: Projection) throws -> (weight: Tensor, bias: Tensor?) {
        try withoutGradients { (try self.weight(weight, at: site, ForwardContext()), bias) }
    }
}
