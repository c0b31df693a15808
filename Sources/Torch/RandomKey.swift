/// A position in the space of random streams: a pure function of what it is derived from.
///
/// Every random draw of Graft is a function of (seed, purpose, step, site), never of what was drawn before. So resuming
/// needs no generator state, and two consumers never disturb each other. The derivation is FNV-1a over the parts with the
/// finalizer of SplitMix64; its version is `RandomKey.algorithm`.
public struct RandomKey: Sendable, Hashable {
    /// Name and version of the derivation, recorded in the files that depend on it.
    public static let algorithm = "fnv1a-splitmix64/1"

    private let bits: UInt64

    /// The root of all streams of a run.
    public init(seed: Int) {
        bits = RandomKey.mix(UInt64(bitPattern: Int64(seed)) ^ 0x6772_6166_745F_6B65)
    }

    private init(bits: UInt64) {
        self.bits = bits
    }

    /// The stream for a purpose, a site or a parameter.
    public func derived(_ name: String) -> RandomKey {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in name.utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
        }
        return RandomKey(bits: RandomKey.mix(bits ^ RandomKey.mix(hash)))
    }

    /// The stream of a step, an epoch or an index.
    public func derived(_ index: Int) -> RandomKey {
        RandomKey(bits: RandomKey.mix(bits &+ 0x9E37_79B9_7F4A_7C15 &* (UInt64(bitPattern: Int64(index)) &+ 1)))
    }

    /// The position as a number, from which `init(integer:)` makes it again.
    public var integer: Int {
        Int(Int64(bitPattern: bits))
    }

    /// The position of a number that `integer` gave.
    public init(integer: Int) {
        self.init(bits: UInt64(bitPattern: Int64(integer)))
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        var z = value &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

extension Tensor {
    /// Uniform draws between `low` and `high`.
    public static func uniform(_ shape: [Int], _ low: Double, _ high: Double, key: RandomKey, dtype: DType = .float32)
        throws -> Tensor
    {
        try ATen.uniform(shape, low, high, key.integer, dtype)
    }

    /// Normal draws.
    public static func normal(
        _ shape: [Int], mean: Double = 0, std: Double = 1, key: RandomKey, dtype: DType = .float32
    ) throws -> Tensor {
        try ATen.normal(shape, mean, std, key.integer, dtype)
    }

    /// One index drawn by the probabilities of each row.
    public func sampleIndex(key: RandomKey) throws -> Tensor { try ATen.multinomial(self, 1, key.integer) }
}
