import Foundation

/// The values of few bits that stand for standard normal numbers with the least expected absolute error: each is the
/// median of its cell, and cells meet in the middle between neighbouring values.
struct NormalCodebook: Equatable {
    /// In rising order, 2^bits of them.
    let values: [Double]
    /// Between the values.
    let boundaries: [Double]

    /// The fixed point of the two conditions, approached in 500 rounds from zeros. With 8 bits it is not quite reached,
    /// and files of other programs hold what these rounds give.
    init(bits: Int) {
        var values = [Double](repeating: 0, count: 1 << bits)
        for _ in 0..<500 {
            let shares = [0] + NormalCodebook.middles(values).map(NormalCodebook.share) + [1]
            values = zip(shares, shares.dropFirst()).map { NormalCodebook.quantile(($0 + $1) / 2) }
        }
        self.values = values
        boundaries = NormalCodebook.middles(values)
    }

    private static func middles(_ values: [Double]) -> [Double] {
        zip(values, values.dropFirst()).map { ($0 + $1) / 2 }
    }

    /// Φ: the share of standard normal numbers below x.
    static func share(_ x: Double) -> Double {
        erfc(-x / 2.0.squareRoot()) / 2
    }

    /// Φ⁻¹, for shares strictly between 0 and 1: Newton's steps on the logarithm of the tail, which is nearly a parabola.
    static func quantile(_ share: Double) -> Double {
        if share > 0.5 { return -quantile(1 - share) }
        if share == 0.5 { return 0 }
        let target = log(share)
        // Left of the solution, where the concave logarithm lets every further step stay left.
        var x = -(-2 * target).squareRoot()
        for _ in 0..<100 {
            let below = NormalCodebook.share(x)
            let density = exp(-x * x / 2) / (2 * Double.pi).squareRoot()
            let step = (log(below) - target) * below / density
            x -= step
            if abs(step) <= 1e-16 * max(1, abs(x)) { break }
        }
        return x
    }
}
