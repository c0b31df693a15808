/// The check that bytes are well-formed UTF-8 as the Unicode standard defines it (table 3-7): overlong forms, surrogates and
/// values beyond U+10FFFF are faults.
public enum UTF8Validation {
    /// The offset of the first byte of the first ill-formed sequence; nil where all is well.
    public static func firstInvalid(in bytes: UnsafeRawBufferPointer) -> Int? {
        var position = 0
        while position < bytes.count {
            let lead = bytes[position]
            if lead < 0x80 {
                position += 1
                continue
            }
            guard let length = wellFormedLength(bytes, at: position, lead: lead) else { return position }
            position += length
        }
        return nil
    }

    private static func wellFormedLength(_ bytes: UnsafeRawBufferPointer, at position: Int, lead: UInt8) -> Int? {
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch lead {
        case 0xC2...0xDF: length = 2
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: length = 3
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        case 0xF1...0xF3: length = 4
        default: return nil
        }
        guard position + length <= bytes.count, second.contains(bytes[position + 1]) else { return nil }
        for offset in 2..<max(2, length) where bytes[position + offset] & 0xC0 != 0x80 { return nil }
        return length
    }
}
