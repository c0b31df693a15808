/// A value per Unicode scalar, in blocks of 256 of which equal ones that were never written are shared.
struct ScalarMap<Value: FixedWidthInteger & Sendable>: Sendable {
    private var blockOf: [UInt16]
    private var values: [Value]

    init(default value: Value = 0) {
        blockOf = [UInt16](repeating: 0, count: 0x1100)
        values = [Value](repeating: value, count: 256)
    }

    subscript(scalar: UInt32) -> Value {
        values[Int(blockOf[Int(scalar >> 8)]) << 8 | Int(scalar & 0xFF)]
    }

    /// Changes the values of a range.
    mutating func update(_ range: ClosedRange<UInt32>, _ change: (inout Value) -> Void) {
        var scalar = range.lowerBound
        while scalar <= range.upperBound {
            let block = Int(scalar >> 8)
            if blockOf[block] == 0 {
                blockOf[block] = UInt16(values.count >> 8)
                values.append(contentsOf: values[0..<256])
            }
            let base = Int(blockOf[block]) << 8
            let last = min(range.upperBound, scalar | 0xFF)
            for offset in Int(scalar & 0xFF)...Int(last & 0xFF) { change(&values[base + offset]) }
            scalar = last + 1
        }
    }
}
