/// Random numbers as a function of seed, purpose and step: the same three give the same numbers on every machine, in
/// every process and whatever was drawn before, so that resuming needs no generator state.
///
/// The numbers are those of SplitMix64 (Steele, Lea, Flood 2014), started at a state that mixes the three.
public struct CounterRandom: Sendable {
    /// Name and version of the algorithm, for files that depend on it.
    public static let algorithm = "splitmix64/1"

    private var state: UInt64

    /// The stream of a purpose at a step.
    public init(seed: UInt64, purpose: String, step: Int) {
        var digest = FNV1a()
        digest.add(purpose)
        state = Self.mix(seed &+ Self.increment)
        for word in [digest.value, UInt64(bitPattern: Int64(step))] {
            state = Self.mix((state ^ word) &+ Self.increment)
        }
    }

    /// SplitMix64 from a state, as its authors define it.
    init(state: UInt64) { self.state = state }

    private static let increment: UInt64 = 0x9E37_79B9_7F4A_7C15

    private static func mix(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// The next 64 random bits.
    public mutating func next() -> UInt64 {
        state &+= Self.increment
        return Self.mix(state)
    }

    /// A number in `0..<bound` without bias (Lemire 2019: multiply, take the high word, reject the uneven rest).
    mutating func next(below bound: UInt64) -> UInt64 {
        guard bound > 1 else { return 0 }
        let rest = (0 &- bound) % bound
        while true {
            let product = bound.multipliedFullWidth(by: next())
            if product.low >= rest { return product.high }
        }
    }

    /// Puts the elements in random order (Fisher and Yates). The standard library's shuffle may change between
    /// versions of Swift; this one must not.
    mutating func shuffle<Element>(_ elements: inout [Element]) {
        for last in stride(from: elements.count - 1, to: 0, by: -1) {
            elements.swapAt(last, Int(next(below: UInt64(last + 1))))
        }
    }
}
