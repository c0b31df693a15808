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

    /// Sizes of both parities, entries at every frequency that is its own mirror image, few entries and many, few rows,
    /// many, and more than are taken at a time: each of them goes another way.
    @Test(
        arguments: [(40, 32, 2), (33, 45, 2), (33, 46, 2), (46, 33, 2), (6, 5, 30), (4, 6, 9), (1, 1, 1)],
        [(3, DType.float64), (90, .float64), (200, .float64), (3, .float32), (90, .float32)])
    func aSpectralLinearMapIsItsComposition(_ size: (rows: Int, columns: Int, count: Int), _ run: (Int, DType)) throws {
        let (rows, columns, (batch, dtype)) = (size.rows, size.columns, run)
        let key = RandomKey(seed: 5)
        let all = rows * columns
        // The first positions are those without a mirror image; of the others every one comes up for some seed.
        let special = [0, columns / 2, rows / 2 * columns, rows / 2 * columns + columns / 2, all - 1, columns + 1]
        let spread = (0..<3).map { ($0 * all / 3 + $0) % all }
        let choices =
            size.count == 2
            ? zip(special, special.dropFirst()).map { [$0, $1] } + [Array(spread.prefix(2)), Array(spread.suffix(2))]
            : [Array(0..<size.count)]
        for choice in choices where Set(choice).count == choice.count {
            let positions = try Tensor(choice.map(Int64.init), shape: [choice.count])
            func leaves() throws -> [Tensor] {
                try [[batch, columns], [rows, columns], [rows], [choice.count]].enumerated().map {
                    try Tensor.normal($1, key: key.derived($0), dtype: dtype).setRequiresGrad(true)
                }
            }
            let (own, other) = (try leaves(), try leaves())
            let found = try own[0].spectralLinear(
                own[1], own[2], spectrum: own[3], positions: positions, scaling: 7)
            let dense = try Tensor.zeros([all], dtype: dtype).scatter(0, positions, other[3]).reshape([rows, columns])
            let weight = try other[1] + dense.inverseFourierReal() * 7
            let expected = try other[0].matmul(weight.t()) + other[2]
            let bound = dtype == .float64 ? 1e-10 : 2e-3
            #expect(try (found.detach() - expected.detach()).abs().amax().item() < bound)
            let upstream = try Tensor.normal([batch, rows], key: key.derived("upstream"), dtype: dtype)
            try (found * upstream).sum().backward()
            try (expected * upstream).sum().backward()
            for (index, (a, b)) in zip(own, other).enumerated() {
                let difference = try (#require(try a.grad) - #require(try b.grad)).abs().amax().item()
                #expect(difference < bound, "gradient \(index) with entries at \(choice)")
            }
        }
    }
}
