/// The numbers that torch's own CPU generator (a Mersenne twister) gives after `manual_seed`, draw after draw.
///
/// Graft draws from `RandomKey`s. This is for formats that store a seed of torch's in the place of the numbers, so that
/// they must be the same to the bit.
public struct TorchGenerator {
    private let seed: Int
    private var drawn = 0

    /// The generator before its first draw.
    public init(seed: Int) {
        self.seed = seed
    }

    /// The next uniform draws between `low` and `high` in float32, as `tensor.uniform_(low, high, generator)` gives them.
    public mutating func uniform(_ shape: [Int], _ low: Double, _ high: Double) throws -> Tensor {
        let count = shape.reduce(1, *)
        // The generator gives one number per element in their order, so that earlier draws are those before.
        let all = try ATen.uniform([drawn + count], low, high, seed, .float32)
        let values = try all.narrow(0, drawn, count).clone().reshape(shape)
        drawn += count
        return values
    }

    /// 0 ..< `count` in the order of `torch.randperm` as the first draw after `manual_seed(seed)`: [count], int64.
    public static func permutation(_ count: Int, seed: Int) throws -> Tensor {
        try ATen.randperm(count, seed)
    }
}
