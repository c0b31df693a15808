/// SplitMix64 (Steele, Lea and Flood, 2014): what is drawn depends on the seed alone, on every machine.
struct FuzzRandom: RandomNumberGenerator {
    private var state: UInt64

    /// The draws of one execution of one reader.
    init(seed: UInt64, reader: String, execution: Int) {
        state = seed ^ UInt64(execution) &* 0xD134_2543_DE82_EF95
        for byte in reader.utf8 { state = (state ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }

    /// A number from 0 to below `bound`, 0 where the bound is 0.
    mutating func below(_ bound: Int) -> Int {
        bound <= 1 ? 0 : Int(next() % UInt64(bound))
    }

    /// True once in `count` times.
    mutating func oneIn(_ count: Int) -> Bool { below(count) == 0 }

    /// One of some values, or nil where there are none.
    mutating func pick<Value>(_ values: [Value]) -> Value? {
        values.isEmpty ? nil : values[below(values.count)]
    }
}
