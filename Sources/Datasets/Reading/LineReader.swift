import Foundation
import Support

/// Reads a text file line by line with bounded memory.
///
/// Lines end with LF or CRLF; other Unicode line separators are text. A byte order mark at the start is dropped. Every
/// line is checked to be UTF-8.
final class LineReader {
    /// One line without its terminator.
    struct Line {
        /// Counted from 1.
        let number: Int
        /// Valid UTF-8 without NUL.
        let bytes: [UInt8]
        /// The bytes that ended the line; none at the end of a file without a last line break.
        let terminator: [UInt8]

        var text: String { String(decoding: bytes, as: UTF8.self) }
    }

    let path: String
    let maximumLineBytes: Int
    private let handle: FileHandle
    private var chunk = [UInt8](repeating: 0, count: 1 << 18)
    private var buffer: [UInt8] = []
    private var start = 0
    private var lineNumber = 0
    private var isAtEnd = false

    /// Opens a file.
    ///
    /// - Throws: `DatasetError.unreadable`, or `.notText` where the first bytes are those of another format.
    init(_ file: URL, maximumLineBytes: Int) throws(DatasetError) {
        path = file.relativePath
        self.maximumLineBytes = maximumLineBytes
        handle = try Self.open(file)
        while buffer.count < 4, !isAtEnd { try fill() }
        if let reason = FileSignature.reason(buffer) {
            throw .notText(SourceLocation(file: path), reason: reason)
        }
        if buffer.starts(with: FileSignature.byteOrderMark) { start = FileSignature.byteOrderMark.count }
    }

    deinit { try? handle.close() }

    /// The next line, or nil at the end of the file.
    ///
    /// - Throws: `DatasetError.lineTooLong`, `.notText` or `.unreadable`.
    func next() throws(DatasetError) -> Line? {
        var searched = start
        while true {
            if let newline = newline(from: searched) { return try line(upTo: newline) }
            searched = buffer.count
            if isAtEnd { return start < buffer.count ? try line(upTo: nil) : nil }
            guard buffer.count - start <= maximumLineBytes else { throw tooLong() }
            searched -= start
            compact()
            try fill()
        }
    }

    /// The place of the line that is read next.
    private var location: SourceLocation { SourceLocation(file: path, position: .line(lineNumber + 1)) }

    private func tooLong() -> DatasetError { .lineTooLong(location, limit: maximumLineBytes) }

    private func newline(from index: Int) -> Int? {
        buffer.withUnsafeBytes { bytes in
            guard index < bytes.count, let base = bytes.baseAddress else { return nil }
            return memchr(base + index, 0x0A, bytes.count - index).map { UnsafeRawPointer($0) - base }
        }
    }

    private func line(upTo newline: Int?) throws(DatasetError) -> Line {
        var end = newline ?? buffer.count
        var terminator: [UInt8] = newline == nil ? [] : [0x0A]
        if newline != nil, end > start, buffer[end - 1] == 0x0D {
            end -= 1
            terminator = [0x0D, 0x0A]
        }
        let bytes = Array(buffer[start..<end])
        guard bytes.count <= maximumLineBytes else { throw tooLong() }
        if let fault = Self.textFault(bytes) { throw .notText(location, reason: fault) }
        start = newline.map { $0 + 1 } ?? buffer.count
        lineNumber += 1
        return Line(number: lineNumber, bytes: bytes, terminator: terminator)
    }

    private static func textFault(_ bytes: [UInt8]) -> String? {
        bytes.withUnsafeBufferPointer { buffer in
            if let offset = UTF8Validation.firstInvalid(in: UnsafeRawBufferPointer(buffer)) {
                let value = String(buffer[offset], radix: 16, uppercase: true)
                return "byte \(offset + 1) of the line (0x\(value)) is not valid UTF-8"
            }
            guard let base = buffer.baseAddress, let zero = memchr(base, 0, buffer.count) else { return nil }
            return "byte \(UnsafeRawPointer(zero) - UnsafeRawPointer(base) + 1) of the line is NUL"
        }
    }

    private func compact() {
        guard start > 0 else { return }
        buffer.removeSubrange(0..<start)
        start = 0
    }

    private func fill() throws(DatasetError) {
        var count: Int
        repeat {
            count = chunk.withUnsafeMutableBytes { read(handle.fileDescriptor, $0.baseAddress, $0.count) }
        } while count < 0 && errno == EINTR
        if count < 0 { throw .unreadable(path: path, reason: "reading failed: \(String(cString: strerror(errno)))") }
        if count == 0 { isAtEnd = true }
        buffer += chunk[..<count]
    }

    private static func open(_ file: URL) throws(DatasetError) -> FileHandle {
        var isDirectory: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: file.path, isDirectory: &isDirectory)
        guard exists else { throw .unreadable(path: file.relativePath, reason: "there is no such file") }
        guard !isDirectory.boolValue else {
            throw .unreadable(path: file.relativePath, reason: "this is a folder; give a data file")
        }
        do {
            return try FileHandle(forReadingFrom: file)
        } catch {
            throw .unreadable(
                path: file.relativePath, reason: "the file cannot be opened; check its permissions")
        }
    }
}
