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

    private let path: String
    private let handle: FileHandle
    private var buffer: [UInt8] = []
    private var position = 0
    private var offset = 0
    private var number = 0

    /// Opens a file.
    init(path: String) throws(ReportingError) {
        self.path = path
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw .cannotRead(path: path, reason: ReportingError.systemReason)
        }
        self.handle = handle
    }

    /// The next line, or nil at the end.
    mutating func next() throws(ReportingError) -> Line? {
        var searched = position
        while true {
            if let newline = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                return take(through: newline, isComplete: true)
            }
            guard buffer.count - position <= Self.longestLine else {
                throw .malformedRecord(
                    path: path, line: number + 1, reason: "it is longer than \(Self.longestLine) bytes")
            }
            searched = buffer.count - position
            guard try fill() else {
                return position < buffer.count ? take(through: buffer.count, isComplete: false) : nil
            }
        }
    }

    private mutating func take(through end: Int, isComplete: Bool) -> Line {
        let bytes = Array(buffer[position..<end])
        number += 1
        let line = Line(bytes: bytes, number: number, offset: offset, isComplete: isComplete)
        offset += bytes.count + (isComplete ? 1 : 0)
        position = min(end + 1, buffer.count)
        return line
    }

    /// Drops what was taken and reads on.
    ///
    /// - Returns: false at the end of the file.
    private mutating func fill() throws(ReportingError) -> Bool {
        buffer.removeFirst(position)
        position = 0
        do {
            guard let chunk = try handle.read(upToCount: 1 << 16), !chunk.isEmpty else { return false }
            buffer.append(contentsOf: chunk)
            return true
        } catch {
            throw .cannotRead(path: path, reason: "\(error)")
        }
    }
}
