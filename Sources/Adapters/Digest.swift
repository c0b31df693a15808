import Crypto
import Files
import Foundation
import Networks
import Torch

/// SHA-256 of a stream of bytes.
public struct Digest {
    private var hash = SHA256()

    /// A digest of nothing yet.
    public init() {}

    /// Appends bytes.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        hash.update(bufferPointer: bytes)
    }

    /// Appends a text, with its length before it so that two texts in a row are told from one.
    public mutating func update(_ text: String) {
        let bytes = Array(text.utf8)
        update(bytes.count)
        bytes.withUnsafeBytes { update($0) }
    }

    /// Appends a number as 8 bytes, little-endian.
    public mutating func update(_ number: Int) {
        withUnsafeBytes(of: Int64(number).littleEndian) { update($0) }
    }

    /// `sha256:` and 64 hexadecimal digits.
    public consuming func finalize() -> String {
        "sha256:" + hash.finalize().map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    /// The digest of a file's bytes, read in pieces.
    ///
    /// - Throws: `FileError` where the file cannot be read.
    public static func file(_ url: URL) throws -> String {
        let file = try FileInput(url)
        var digest = Digest()
        var offset = 0
        while offset < file.size {
            let piece = try file.read(at: offset, count: min(1 << 20, file.size - offset))
            piece.withUnsafeBytes { digest.update($0) }
            offset += piece.count
        }
        return digest.finalize()
    }
}
