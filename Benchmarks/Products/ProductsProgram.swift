import Reporting
import Torch

/// Times the single operations that docs/performance.md names, through the product's engine: what a frozen projection
/// takes at the row counts of generation and training, beside BLAS and beside the reading of its weight.
///
///     make bench-products     # THREADS=1 for one thread
@main struct ProductsProgram {
    /// Weights [out, in] of a Qwen2-shaped network of hidden size 896: its head and its gated unit.
    private static let weights = [(151_936, 896), (4864, 896), (896, 4864)]
    private static let rowCounts = [1, 16, 256, 512]

    static func main() throws {
        if let text = CommandLine.arguments.dropFirst().first {
            guard let threads = Int(text), threads > 0 else { throw Failure.threads(text) }
            try Engine.setThreadCount(threads)
        }
        print("libtorch \(try Engine.version()), \(try Engine.threadCount()) threads; the median of several calls\n")
        try withoutGradients {
            try products()
            try dropout()
            try transform()
        }
    }

    /// x Wᵀ as projections compute it, the same by BLAS, and a sum of the weight, which reads it once.
    private static func products() throws {
        print(line(["weight", "rows", "engine ms", "BLAS ms", "GB/s", "GFLOP/s", "sum GB/s"]))
        for (output, input) in weights {
            let weight = try Tensor.normal([output, input], key: RandomKey(seed: 1))
            let bytes = Double(output * input * 4)
            let sum = try seconds { _ = try weight.sum() }
            for rows in rowCounts {
                // The scores of a prompt are made of its last position alone, so that the head sees few rows.
                if output > 100_000, rows > 16 { continue }
                let x = try Tensor.normal([rows, input], key: RandomKey(seed: 2))
                let engine = try seconds { _ = try x.linear(weight) }
                let plain = try seconds { _ = try x.matmul(weight.t()) }
                print(
                    line([
                        "\(output) × \(input)", "\(rows)", number(engine * 1e3), number(plain * 1e3),
                        number(bytes / engine / 1e9), number(2 * Double(rows * output * input) / engine / 1e9),
                        number(bytes / sum / 1e9),
                    ]))
            }
        }
    }

    private static func dropout() throws {
        let x = try Tensor.normal([1024, 4864], key: RandomKey(seed: 3))
        let taken = try seconds { _ = try x.dropout(0.5, key: RandomKey(seed: 4)) }
        print("\ndropout at p = 0.5: \(number(taken * 1e9 / Double(try x.count))) ns an element")
    }

    /// The transform of FourierFT, and one of a gradient, which is the same.
    private static func transform() throws {
        let spectrum = try Tensor.normal([4864, 896], key: RandomKey(seed: 5))
        let taken = try seconds { for _ in 0..<2 { _ = try spectrum.inverseFourierReal() } }
        print("transform of 4864 × 896 and its backward: \(number(taken * 1e3)) ms")
    }

    /// The median time of a call, of as many as fit into half a second, five at least.
    private static func seconds(_ body: () throws -> Void) throws -> Double {
        try body()
        let clock = ContinuousClock()
        let start = clock.now
        var times: [Double] = []
        while times.count < 5 || clock.now - start < .milliseconds(500) {
            times.append(try clock.measure(body) / .seconds(1))
        }
        return times.sorted()[times.count / 2]
    }

    private static func number(_ value: Double) -> String { Quantity.number(value, digits: 3) }

    private static func line(_ cells: [String]) -> String {
        zip(cells, [14, 5, 11, 9, 7, 9, 10]).map { cell, width in
            String(repeating: " ", count: max(0, width - cell.count)) + cell
        }.joined()
    }

    private enum Failure: Error, CustomStringConvertible {
        case threads(String)

        var description: String {
            switch self {
            case .threads(let text): "THREADS must be a positive number, found \(text)"
            }
        }
    }
}
