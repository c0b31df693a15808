import Torch

/// LoftQ's alternation of quantisation and low-rank approximation (Li et al. 2023, arXiv:2310.08659, algorithm 1).
struct LoftQ {
    let config: LoftQConfig

    init(_ config: LoftQConfig) {
        self.config = config
    }

    /// Quantised weight and factors of what it lost.
    struct Result {
        /// The quantised weight, dequantised: [out, in].
        var quantized: Tensor
        /// [r, in].
        var a: Tensor
        /// [out, r].
        var b: Tensor
        /// ‖W − Q − B A‖ after each iteration.
        var errors: [Double]
    }

    /// - Parameter weight: [out, in], fp32.
    func decompose(_ weight: Tensor, rank: Int) throws -> Result {
        var rest = weight
        var result: Result?
        var errors: [Double] = []
        for _ in 0..<config.iterations {
            let quantized = try quantize(rest)
            let (u, s, vT) = try (weight - quantized).svd()
            let roots = try s.narrow(0, 0, rank).sqrt()
            let a = try vT.narrow(0, 0, rank) * roots.unsqueeze(1)
            let b = try u.narrow(1, 0, rank) * roots
            let product = try b.matmul(a)
            rest = try weight - product
            errors.append(try (weight - quantized - product).norm().item())
            result = Result(quantized: quantized, a: try a.contiguous(), b: try b.contiguous(), errors: errors)
        }
        guard let result else { throw MethodError.option("loftq_config: loftq_iter must be positive") }
        return result
    }

    /// The nearest value that the quantised format can hold.
    func quantize(_ weight: Tensor) throws -> Tensor {
        config.bits == 8 ? try quantizeRows(weight) : try quantizeBlocks(weight)
    }

    /// 8 bits: each row divided by its absmax / 127, halves to even.
    private func quantizeRows(_ weight: Tensor) throws -> Tensor {
        let scale = try weight.abs().amax([1], keepDim: true) / 127
        let safe = try scale.maskedFill(scale.eq(0), 1)
        return try (weight / safe).round() * scale
    }

    /// 4 bits: NF4 codes of blocks of 64 consecutive values, each divided by its absmax.
    private func quantizeBlocks(_ weight: Tensor) throws -> Tensor {
        let shape = try weight.shape
        let flat = try weight.reshape([-1])
        let count = try flat.count
        let blocks = (count + 63) / 64
        let padded = try Tensor.cat([flat, Tensor.zeros([blocks * 64 - count])]).reshape([blocks, 64])
        let scale = try padded.abs().amax([1], keepDim: true)
        let normal = try padded / scale.maskedFill(scale.eq(0), 1)
        let codes = try Tensor(LoftQ.normalFloat4)
        let codeCount = LoftQ.normalFloat4.count
        // Nearest code: the place among the midpoints between neighbours.
        let middles = try (codes.narrow(0, 0, codeCount - 1) + codes.narrow(0, 1, codeCount - 1)) / 2
        let values = try codes.indexSelect(0, middles.searchSorted(normal).reshape([-1]))
        return try (values.reshape([blocks, 64]) * scale).reshape([-1]).narrow(0, 0, count).reshape(shape)
    }

    /// The 16 values of NormalFloat4 (Dettmers et al. 2023, arXiv:2305.14314, appendix E).
    static let normalFloat4: [Float] = [
        -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
        -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
        0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
    ]
}
