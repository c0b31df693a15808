/// GPT-2's visible characters for the 256 bytes.
enum ByteLevelAlphabet {
    /// The character of each byte: itself where it is visible in Latin-1, else the next one from U+0100 on.
    static let scalars: [UInt32] = {
        var next: UInt32 = 0x100
        return (UInt32(0)...0xFF).map { byte in
            switch byte {
            case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return byte
            default:
                defer { next += 1 }
                return next
            }
        }
    }()

    /// The byte of each character below U+0144, or -1.
    private static let bytes: [Int16] = {
        var bytes = [Int16](repeating: -1, count: 0x144)
        for (byte, scalar) in scalars.enumerated() { bytes[Int(scalar)] = Int16(byte) }
        return bytes
    }()

    /// The character that stands for a space.
    static let space: UInt32 = 0x120

    /// The byte that a character stands for.
    static func byte(of scalar: UInt32) -> UInt8? {
        guard scalar < bytes.count, bytes[Int(scalar)] >= 0 else { return nil }
        return UInt8(bytes[Int(scalar)])
    }

    /// Appends the characters of a scalar's bytes.
    @inline(__always)
    static func append(_ scalar: UInt32, _ stretch: AlignedText.Stretch, to output: inout AlignedText) {
        if scalar < 0x80 {
            output.append(scalars[Int(scalar)], stretch)
        } else {
            for byte in UTF8.encode(Unicode.Scalar(scalar) ?? "\u{FFFD}") ?? UTF8.encodedReplacementCharacter {
                output.append(scalars[Int(byte)], stretch)
            }
        }
    }
}
