/// Reads the integers of a table: base64 over little-endian base-128 numbers.
struct TableReader {
    private let bytes: [UInt8]
    private var position = 0

    /// - Parameter text: base64; line breaks are skipped.
    init(_ text: String) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count * 3 / 4)
        var pending: UInt32 = 0
        var bits = 0
        for byte in text.utf8 {
            guard let value = Self.base64Value(byte) else { continue }
            pending = pending << 6 | value
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: pending >> UInt32(bits)))
            }
        }
        self.bytes = bytes
    }

    /// The next number, or nil at the end.
    mutating func next() -> Int? {
        var value = 0
        var shift = 0
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            value |= Int(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        return nil
    }

    private static func base64Value(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(byte - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(byte - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}

extension UnicodeTables {
    /// The ranges of a set: pairs of gap and length.
    static func ranges(_ text: String) -> [ClosedRange<UInt32>] {
        var reader = TableReader(text)
        var ranges: [ClosedRange<UInt32>] = []
        var position = 0
        while let gap = reader.next(), let count = reader.next() {
            position += gap
            ranges.append(UInt32(position)...UInt32(position + count - 1))
            position += count
        }
        return ranges
    }

    /// The runs of a map: triples of gap, length and value.
    static func runs(_ text: String) -> [(range: ClosedRange<UInt32>, value: Int)] {
        var reader = TableReader(text)
        var runs: [(range: ClosedRange<UInt32>, value: Int)] = []
        var position = 0
        while let gap = reader.next(), let count = reader.next(), let value = reader.next() {
            position += gap
            runs.append((UInt32(position)...UInt32(position + count - 1), value))
            position += count
        }
        return runs
    }

    /// The mappings of single scalars to several: gap, length, zigzag differences.
    static func mappings(_ text: String) -> [(scalar: UInt32, target: [UInt32])] {
        var reader = TableReader(text)
        var mappings: [(scalar: UInt32, target: [UInt32])] = []
        var position = 0
        while let gap = reader.next(), let count = reader.next() {
            position += gap
            var value = position
            var target: [UInt32] = []
            for _ in 0..<count {
                guard let difference = reader.next() else { return mappings }
                value += difference & 1 == 0 ? difference >> 1 : -(difference >> 1) - 1
                target.append(UInt32(value))
            }
            mappings.append((UInt32(position), target))
        }
        return mappings
    }
}
