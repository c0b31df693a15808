import Support

extension Parser {
    /// Reads a string; the position is at its opening quotation mark.
    mutating func parseString() throws -> String {
        let opening = position
        position += 1
        let start = position
        var isASCII = true
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                let content = bytes[start..<position]
                position += 1
                return isASCII ? Self.text(content) : try validated(content)
            }
            if byte == UInt8(ascii: "\\") { return try parseEscaped(from: start, opening: opening) }
            if byte < 0x20 { throw unescapedControl(byte) }
            isASCII = isASCII && byte < 0x80
            position += 1
        }
        throw unterminated(opening)
    }

    /// Continues a string at its first escape; `start` is the first byte of its content.
    private mutating func parseEscaped(from start: Int, opening: Int) throws -> String {
        _ = try validated(bytes[start..<position])
        var content = [UInt8](bytes[start..<position])
        while position < bytes.count {
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return String(decoding: content, as: UTF8.self)
            case UInt8(ascii: "\\"):
                try parseEscape(into: &content)
            case ..<0x20:
                throw unescapedControl(byte)
            case ..<0x80:
                content.append(byte)
                position += 1
            default:
                let run = bytes[position...].prefix { $0 >= 0x80 }
                _ = try validated(run)
                content.append(contentsOf: run)
                position = run.endIndex
            }
        }
        throw unterminated(opening)
    }

    private mutating func parseEscape(into content: inout [UInt8]) throws {
        position += 1
        guard let byte = peek() else { throw unexpected("an escape") }
        let plain: UInt8
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): plain = byte
        case UInt8(ascii: "b"): plain = 0x08
        case UInt8(ascii: "f"): plain = 0x0C
        case UInt8(ascii: "n"): plain = 0x0A
        case UInt8(ascii: "r"): plain = 0x0D
        case UInt8(ascii: "t"): plain = 0x09
        case UInt8(ascii: "u"):
            content.append(contentsOf: String(try parseUnicodeEscape()).utf8)
            return
        default: throw unexpected("one of \" \\ / b f n r t u after the backslash")
        }
        content.append(plain)
        position += 1
    }

    /// Reads `uXXXX`, or two of them that form a surrogate pair.
    private mutating func parseUnicodeEscape() throws -> Unicode.Scalar {
        let start = position
        let first = try parseFourDigits()
        if let scalar = Unicode.Scalar(first) { return scalar }
        if first < 0xDC00, take(UInt8(ascii: "\\")), peek() == UInt8(ascii: "u") {
            let second = try parseFourDigits()
            if (0xDC00...0xDFFF).contains(second),
                let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
            {
                return scalar
            }
        }
        position = start - 1
        throw failure("the surrogate escape \\u\(String(first, radix: 16, uppercase: true)) has no partner")
    }

    private mutating func parseFourDigits() throws -> UInt32 {
        position += 1
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek(), let digit = Self.hexadecimal(byte) else {
                throw unexpected("four hexadecimal digits after \\u")
            }
            value = value << 4 | digit
            position += 1
        }
        return value
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a")) + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A")) + 10
        default: nil
        }
    }

    /// The text of bytes that must be valid UTF-8.
    private mutating func validated(_ content: Slice<UnsafeRawBufferPointer>) throws -> String {
        if let bad = UTF8Validation.firstInvalid(in: UnsafeRawBufferPointer(rebasing: content)) {
            position = content.startIndex + bad
            throw failure("the bytes are not valid UTF-8")
        }
        return Self.text(content)
    }

    private static func text(_ content: Slice<UnsafeRawBufferPointer>) -> String {
        String(decoding: UnsafeRawBufferPointer(rebasing: content), as: UTF8.self)
    }

    private func unescapedControl(_ byte: UInt8) -> JSONError {
        failure("the control character 0x\(String(byte, radix: 16, uppercase: true)) in a string must be escaped")
    }

    private mutating func unterminated(_ opening: Int) -> JSONError {
        position = opening
        return failure("the string is not closed")
    }
}
