import Foundation
import JSON

/// SentencePiece's compiled replacement rules: a double-array trie from texts to places in a pool of replacements.
struct PrecompiledMap: Sendable {
    private let units: [UInt32]
    private let pool: [UInt8]

    /// Reads base64 of: the trie's length in bytes, its 32-bit units, the pool of texts that end with NUL.
    init(_ node: JSON.Node) throws {
        guard let data = Data(base64Encoded: try node.string(), options: []) else { throw node.mismatch("base64") }
        let bytes = [UInt8](data)
        guard bytes.count >= 4 else { throw node.mismatch("a character map", found: "\(bytes.count) bytes") }
        let size = Int(Self.unit(bytes, 0))
        guard size % 4 == 0, size >= 4, size <= bytes.count - 4 else {
            throw node.mismatch("a character map", found: "a trie of \(size) bytes in \(bytes.count)")
        }
        units = stride(from: 4, to: 4 + size, by: 4).map { Self.unit(bytes, $0) }
        pool = Array(bytes[(4 + size)...])
        let text = String(decoding: pool, as: UTF8.self)
        guard Array(text.utf8) == pool else { throw node.mismatch("replacements in UTF-8") }
    }

    private static func unit(_ bytes: [UInt8], _ at: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << UInt32(8 * $1) }
    }

    /// The replacement of the shortest rule that the text begins with.
    ///
    /// The shortest, not the longest, and for the whole text: the reference does so.
    private func replacement(_ text: some Collection<UInt8>) -> [UInt32]? {
        var node = Self.offset(units[0])
        for byte in text {
            if byte == 0 { return nil }
            node ^= Int(byte)
            guard node < units.count else { return nil }
            let unit = units[node]
            guard unit & (1 << 31 | 0xFF) == UInt32(byte) else { return nil }
            node ^= Self.offset(unit)
            guard node < units.count else { return nil }
            if unit >> 8 & 1 == 1 { return pooled(Int(units[node] & 0x7FFF_FFFF)) }
        }
        return nil
    }

    private static func offset(_ unit: UInt32) -> Int { Int(unit >> 10) << Int((unit & 1 << 9) >> 6) }

    private func pooled(_ start: Int) -> [UInt32]? {
        guard start < pool.count else { return nil }
        return UTF8Text.string(pool[start...].prefix { $0 != 0 }).unicodeScalars.map(\.value)
    }

    /// Replaces short graphemes as a whole, everything else scalar by scalar.
    func normalize(_ text: inout AlignedText, _ scratch: Scratch) throws {
        var changes: [NormalizationForm.Change] = []
        changes.reserveCapacity(text.count)
        var isChanged = false
        for grapheme in UTF8Text.string(text.bytes) {
            try scratch.require(byteCount: changes.count)
            if grapheme.utf8.count < 6, let found = replacement(grapheme.utf8) {
                isChanged = true
                Self.append(found, replacing: grapheme.unicodeScalars.count, to: &changes)
                continue
            }
            for scalar in grapheme.unicodeScalars {
                if let found = replacement(String(scalar).utf8) {
                    isChanged = true
                    Self.append(found, replacing: 1, to: &changes)
                } else {
                    changes.append((scalar.value, 0))
                }
            }
        }
        if isChanged { text.apply(changes) }
    }

    /// Notes that some scalars become others: surplus ones are insertions, missing ones are removed after the last.
    private static func append(
        _ scalars: [UInt32], replacing count: Int, to changes: inout [NormalizationForm.Change]
    ) {
        for (index, scalar) in scalars.enumerated() { changes.append((scalar, index < count ? 0 : 1)) }
        if scalars.count < count, !changes.isEmpty {
            changes[changes.count - 1].change += scalars.count - count
        }
    }
}
