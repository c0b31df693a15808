extension Parser {
    /// Reads a number; the position is at its sign or first digit.
    mutating func parseNumber() throws -> JSON {
        let start = position
        let isNegative = take(UInt8(ascii: "-"))
        if isNegative, options.allowsNonFinite, peek() == UInt8(ascii: "I") {
            return try parseWord("Infinity", .double(-.infinity))
        }
        let integer = try parseIntegerPart()
        var isInteger = true
        if take(UInt8(ascii: ".")) {
            isInteger = false
            guard skipDigits() > 0 else { throw unexpected("a digit after the decimal point") }
        }
        if let byte = peek(), byte | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            position += 1
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            guard skipDigits() > 0 else { throw unexpected("a digit of the exponent") }
        }
        if isInteger, let integer, let value = Self.signed(integer, isNegative) { return .int(value) }
        return .double(try double(from: start))
    }

    private static func signed(_ magnitude: UInt64, _ isNegative: Bool) -> Int64? {
        isNegative ? (magnitude == 1 << 63 ? .min : Int64(exactly: magnitude).map { -$0 }) : Int64(exactly: magnitude)
    }

    /// Reads the digits before a decimal point.
    ///
    /// - Returns: their value, or nil where it exceeds 64 bits.
    private mutating func parseIntegerPart() throws -> UInt64? {
        let start = position
        var value: UInt64? = 0
        while let byte = peek(), byte &- UInt8(ascii: "0") < 10 {
            value = value.flatMap { magnitude in
                let (scaled, overflow) = magnitude.multipliedReportingOverflow(by: 10)
                let (sum, carry) = scaled.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
                return overflow || carry ? nil : sum
            }
            position += 1
        }
        if position == start { throw unexpected("a digit") }
        if position > start + 1, bytes[start] == UInt8(ascii: "0") {
            position = start
            throw failure("a number must not start with a superfluous zero")
        }
        return value
    }

    private mutating func skipDigits() -> Int {
        let start = position
        while let byte = peek(), byte &- UInt8(ascii: "0") < 10 { position += 1 }
        return position - start
    }

    private mutating func double(from start: Int) throws -> Double {
        let digits = String(decoding: UnsafeRawBufferPointer(rebasing: bytes[start..<position]), as: UTF8.self)
        if let value = Double(digits), value.isFinite || options.allowsNonFinite { return value }
        position = start
        throw failure("the number is too large for a 64-bit floating point value")
    }
}
