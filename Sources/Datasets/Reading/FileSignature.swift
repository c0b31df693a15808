/// First bytes that tell a data file of another kind from UTF-8 text, so that the message can name the kind.
enum FileSignature {
    static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    private static let known: [(bytes: [UInt8], reason: String)] = [
        ([0xFF, 0xFE], "the file is in UTF-16 or UTF-32"),
        ([0xFE, 0xFF], "the file is in UTF-16"),
        ([0x1F, 0x8B], "the file is compressed with gzip"),
        ([0x28, 0xB5, 0x2F, 0xFD], "the file is compressed with zstd"),
        (Array("PK\u{3}\u{4}".utf8), "the file is a zip archive or a spreadsheet"),
        (Array("PAR1".utf8), "the file is Parquet"),
    ]

    /// Why the bytes are not the beginning of a text, or nil.
    static func reason(_ bytes: [UInt8]) -> String? {
        known.first { bytes.starts(with: $0.bytes) }?.reason
    }
}
