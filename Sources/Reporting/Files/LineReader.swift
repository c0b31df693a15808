import Files
import Foundation

/// Reads a file line by line in bounded memory.
struct LineReader {
    /// A line without its newline.
    struct Line {
        /// The line's bytes.
        var bytes: [UInt8]
        /// Number of the line, from 1.
        var number: Int
        /// Where the line begins in the file.
        var offset: Int
        /// Whether a newline ends it; only the last line of a file can lack one.
        var isComplete: Bool
    }

    /// The longest line that is read; longer ones are no records.
    static let longestLine = 1 << 20

    private static let newline = UInt8(ascii: "\n")
    private let file: FileInput
    private var buffer: [UInt8] = []
    private var position = 0
    private var filled = 0
    private var offset = 0
    private var number = 0

    /// Opens a file; what is appended to it from now on is not read.
    init(_ url: URL) throws {
        file = try FileInput(url)
    }

    /// The next line, or nil at the end.
    ///
    /// - Throws: `FileError`, and ``ReportingError/malformedRecord(path:line:reason:)`` for an endless line.
    mutating func next() throws -> Line? {
        var searched = position
        while true {
            if let end = buffer[searched...].firstIndex(of: Self.newline) { return take(to: end, isComplete: true) }
            guard buffer.count - position <= Self.longestLine else {
                throw ReportingError.malformedRecord(
                    path: file.path, line: number + 1, reason: "it is longer than \(Self.longestLine) bytes")
            }
            searched = buffer.count - position
            guard try fill() else {
                return position < buffer.count ? take(to: buffer.count, isComplete: false) : nil
            }
        }
    }

    private mutating func take(to end: Int, isComplete: Bool) -> Line {
        let bytes = Array(buffer[position..<end])
        number += 1
        let line = Line(bytes: bytes, number: number, offset: offset, isComplete: isComplete)
        offset += bytes.count + (isComplete ? 1 : 0)
        position = isComplete ? end + 1 : end
        return line
    }

    /// Drops what was taken and reads on.
    ///
    /// - Returns: false at the end of the file.
    private mutating func fill() throws -> Bool {
        buffer.removeFirst(position)
        position = 0
        let count = min(1 << 16, file.size - filled)
        guard count > 0 else { return false }
        buffer += try file.read(at: filled, count: count)
        filled += count
        return true
    }
}
