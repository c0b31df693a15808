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

    /// Appends a stretch of a file, read in pieces: of a large file, no more than a piece is in memory.
    ///
    /// - Throws: `FileError` where the file cannot be read, or is shorter.
    public mutating func update(_ file: FileInput, bytes: Range<Int>) throws {
        var offset = bytes.lowerBound
        while offset < bytes.upperBound {
            let piece = try file.read(at: offset, count: min(1 << 20, bytes.upperBound - offset))
            piece.withUnsafeBytes { update($0) }
            offset += piece.count
        }
    }

    /// The digest of a file's bytes, read in pieces.
    ///
    /// - Throws: `FileError` where the file cannot be read.
    public static func file(_ url: URL) throws -> String {
        let file = try FileInput(url)
        var digest = Digest()
        try digest.update(file, bytes: 0..<file.size)
        return digest.finalize()
    }
}
