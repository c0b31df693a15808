/// Finds the first byte that is not well-formed UTF-8 as the Unicode standard defines it (table 3-7): overlong forms,
/// surrogates and values beyond U+10FFFF are faults.
///
/// - Returns: the offset of the faulty sequence, or nil where all is well.
func firstInvalidUTF8(in bytes: UnsafeBufferPointer<UInt8>) -> Int? {
    var index = 0
    while index < bytes.count {
        if bytes[index] < 0x80 {
            index += 1
            continue
        }
        guard let length = sequenceLength(in: bytes, at: index) else { return index }
        index += length
    }
    return nil
}

/// The length of the well-formed multi-byte sequence at an offset, or nil.
private func sequenceLength(in bytes: UnsafeBufferPointer<UInt8>, at start: Int) -> Int? {
    let length: Int
    var second: ClosedRange<UInt8> = 0x80...0xBF
    switch bytes[start] {
    case 0xC2...0xDF: length = 2
    case 0xE0: (length, second) = (3, 0xA0...0xBF)
    case 0xED: (length, second) = (3, 0x80...0x9F)
    case 0xE1...0xEF: length = 3
    case 0xF0: (length, second) = (4, 0x90...0xBF)
    case 0xF4: (length, second) = (4, 0x80...0x8F)
    case 0xF1...0xF3: length = 4
    default: return nil
    }
    guard start + length <= bytes.count, second.contains(bytes[start + 1]) else { return nil }
    for offset in 2..<max(length, 2) where bytes[start + offset] & 0xC0 != 0x80 { return nil }
    return length
}
