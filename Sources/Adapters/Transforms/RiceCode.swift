import Foundation

/// Golomb–Rice code of sparse signs. For each entry that is not 0, in order: the zeros since the one before as a quotient
/// by 2^b in ones and a closing zero, the b bits of the remainder with the highest first, and a bit for the sign, 1 for
/// positive.
enum RiceCode {
    /// b for a share of entries: 1 + ⌊log₂(log(φ − 1) / log(1 − k))⌋, not below 0, with φ the golden ratio.
    static func parameter(density: Double) -> Int {
        guard density > 0 else { return maximumParameter }
        guard density < 1 else { return 0 }
        let golden = (1 + 5.0.squareRoot()) / 2
        let exact = 1 + log2(log(golden - 1) / log1p(-density)).rounded(.down)
        return Int(max(0, min(exact, Double(maximumParameter))))
    }

    /// Gaps do not need more bits.
    static let maximumParameter = 48

    /// The bits of some signs, and how many they are.
    static func encode(_ signs: [Int8], parameter b: Int) -> BitString {
        var bits = BitString()
        var gap = 0
        for sign in signs {
            guard sign != 0 else {
                gap += 1
                continue
            }
            for _ in 0..<(gap >> b) { bits.append(true) }
            bits.append(false)
            for place in stride(from: b - 1, through: 0, by: -1) { bits.append(gap >> place & 1 == 1) }
            bits.append(sign > 0)
            gap = 0
        }
        return bits
    }

    /// The signs that some bits stand for.
    ///
    /// - Parameters:
    ///   - count: the number of signs.
    ///   - nonzeros: how many of them are not 0.
    /// - Returns: nil where the bits do not fit these numbers.
    static func decode(_ bits: BitString, parameter b: Int, count: Int, nonzeros: Int) -> [Int8]? {
        guard (0...maximumParameter).contains(b), nonzeros <= count else { return nil }
        var signs = [Int8](repeating: 0, count: count)
        let reader = bits.makeIterator()
        var place = 0
        for _ in 0..<nonzeros {
            var quotient = 0
            while true {
                guard let bit = reader.next() else { return nil }
                if !bit { break }
                quotient += 1
                guard quotient <= count >> b else { return nil }
            }
            var remainder = 0
            for _ in 0..<b {
                guard let bit = reader.next() else { return nil }
                remainder = remainder << 1 | (bit ? 1 : 0)
            }
            guard let sign = reader.next() else { return nil }
            place += quotient << b + remainder
            guard place < count else { return nil }
            signs[place] = sign ? 1 : -1
            place += 1
        }
        return reader.next() == nil ? signs : nil
    }
}

/// A sequence of bits, the first of a byte being its highest.
struct BitString: Sequence, Equatable {
    /// The bits in bytes; the last is filled up with zeros.
    private(set) var bytes: [UInt8]
    /// How many bits there are.
    private(set) var count: Int

    /// No bits.
    init() {
        (bytes, count) = ([], 0)
    }

    /// The first bits of some bytes; nil where the bytes do not hold exactly so many.
    init?(bytes: [UInt8], count: Int) {
        guard count >= 0, bytes.count == count / 8 + (count % 8 == 0 ? 0 : 1) else { return nil }
        if count % 8 != 0, let last = bytes.last, last << (count % 8) != 0 { return nil }
        (self.bytes, self.count) = (bytes, count)
    }

    /// The bits of a mask.
    init(_ mask: some Sequence<Bool>) {
        self.init()
        for bit in mask { append(bit) }
    }

    /// Adds a bit.
    mutating func append(_ bit: Bool) {
        if count % 8 == 0 { bytes.append(0) }
        if bit { bytes[count >> 3] |= 0x80 >> (count & 7) }
        count += 1
    }

    func makeIterator() -> AnyIterator<Bool> {
        var next = 0
        return AnyIterator {
            guard next < count else { return nil }
            defer { next += 1 }
            return bytes[next >> 3] & (0x80 >> (next & 7)) != 0
        }
    }
}

extension CompressedUpdate {
    /// The parameter of the Rice code.
    public var riceParameter: Int { RiceCode.parameter(density: density) }

    /// The Rice code of all parts, one bit an element.
    public var riceBits: [Bool] {
        parts.flatMap { Array(RiceCode.encode($0.signs, parameter: riceParameter)) }
    }
}
