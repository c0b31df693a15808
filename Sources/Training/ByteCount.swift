import Support

/// An amount of memory. A configuration writes it as a number of bytes, or as a text with a unit: `900MiB`, `1.5GB`.
public struct ByteCount: Codable, Sendable, Hashable {
    /// Bytes.
    public var bytes: Int

    /// So many bytes.
    public init(_ bytes: Int) {
        self.bytes = bytes
    }

    /// Reads a number or a text.
    public init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        let text = try (try? value.decode(Int.self)).map(String.init) ?? value.decode(String.self)
        guard let bytes = Amount.bytes(text) else {
            throw TrainingError.option(
                "memory_limit: `\(text)` is no amount of memory; write bytes, or a number with a unit as 900MiB or 2GB")
        }
        self.bytes = bytes
    }

    /// Writes the number of bytes.
    public func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        try value.encode(bytes)
    }
}
