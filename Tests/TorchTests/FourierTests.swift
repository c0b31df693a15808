import Foundation
import Testing
import Torch

/// The real part of an inverse transform against its definition as a sum of cosines, values and gradients.
@Suite struct FourierTests {
    /// cos(2π(r u / rows + c v / columns)) / (rows · columns), [rows · columns of u v, rows · columns of r c].
    private func cosines(_ rows: Int, _ columns: Int) throws -> Tensor {
        var entries: [Double] = []
        for u in 0..<rows {
            for v in 0..<columns {
                for r in 0..<rows {
                    for c in 0..<columns {
                        let turns = Double(r * u) / Double(rows) + Double(c * v) / Double(columns)
                        entries.append(cos(2 * .pi * turns) / Double(rows * columns))
                    }
                }
            }
        }
        return try Tensor(entries, shape: [rows * columns, rows * columns])
    }

    @Test(
        arguments: [(1, 1), (1, 2), (2, 1), (3, 2), (2, 3), (4, 5), (5, 4), (6, 6), (7, 7)],
        [DType.float64, .float32])
    func isASumOfCosinesAndSoIsItsGradient(_ size: (Int, Int), _ dtype: DType) throws {
        let (rows, columns) = size
        let matrix = try cosines(rows, columns)
        let a = try Tensor.normal([rows, columns], key: RandomKey(seed: 1)).to(dtype).setRequiresGrad(true)
        let weights = try Tensor.normal([rows, columns], key: RandomKey(seed: 2)).to(dtype)
        let found = try a.inverseFourierReal()
        try (found * weights).sum().backward()
        let tolerance = dtype == .float64 ? 1e-12 : 1e-5
        func flat(_ tensor: Tensor) throws -> Tensor { try tensor.detach().to(.float64).reshape([-1, 1]) }
        let value = try (flat(found) - matrix.matmul(flat(a))).abs().amax().item()
        let backward = try #require(try a.grad)
        let gradient = try (flat(backward) - matrix.t().matmul(flat(weights))).abs().amax().item()
        #expect(value < tolerance && gradient < tolerance)
        #expect(try found.dtype == dtype)
    }
}
