import Torch

extension Projection {
    /// What goes into this projection has this type.
    public var inputType: DType {
        get throws { try streamedType ?? weight.value.dtype }
    }

    /// The map with a weight that lies in a file: its rows are read, converted and used some at a time, so that of a
    /// table of any size only a piece is in memory.
    func applyStreamed(_ weight: Tensor, _ bias: Tensor?, to x: Tensor, in dtype: DType) throws -> Tensor {
        let bias = try bias?.to(dtype)
        let result: Tensor
        switch kind {
        case .linear: result = try Self.linear(x.to(dtype), weight, bias, in: dtype)
        case .transposedLinear: result = try x.to(dtype).linear(weight.to(dtype).t(), bias)
        case .embedding: result = try rows(of: weight, at: x).to(dtype)
        case .convolution(let shape):
            result = try x.to(dtype).conv2d(
                weight.to(dtype), bias, stride: shape.stride, padding: shape.padding, groups: shape.groups)
        }
        try self.weight.releaseStreamed()
        return result
    }

    /// About 16 MB in fp32: large enough for full speed, small beside everything else.
    private static let pieceElements = 4 << 20

    private static func linear(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?, in dtype: DType) throws -> Tensor {
        let (rows, columns) = (try weight.size(0), try weight.size(1))
        let step = max(1, pieceElements / max(1, columns))
        guard rows > step else { return try x.linear(weight.to(dtype), bias) }
        let output = try Tensor.empty(x.shape.dropLast() + [rows], dtype: dtype)
        for start in stride(from: 0, to: rows, by: step) {
            let count = min(step, rows - start)
            let piece = try weight.narrow(0, start, count)
            try output.narrow(-1, start, count).copyInPlace(
                x.linear(piece.to(dtype), bias?.narrow(0, start, count)))
            try piece.releasePages()
        }
        return output
    }
}
