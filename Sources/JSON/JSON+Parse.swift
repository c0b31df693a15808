import Foundation

extension JSON {
    /// What a text may hold beyond, or less than, RFC 8259.
    public struct ParseOptions: Sendable {
        /// How deep arrays and objects may nest.
        public var maximumDepth: Int
        /// Whether Python's `NaN`, `Infinity` and `-Infinity` are numbers, and `1e999` is infinite.
        public var allowsNonFinite: Bool

        /// By default: 128 levels, finite numbers only.
        public init(maximumDepth: Int = 128, allowsNonFinite: Bool = false) {
            self.maximumDepth = maximumDepth
            self.allowsNonFinite = allowsNonFinite
        }
    }

    /// Reads one JSON value that fills the whole text.
    ///
    /// Strict: UTF-8 must be valid, keys must be unique within their object, `\u` escapes must pair up, nothing may
    /// follow the value.
    ///
    /// - Parameters:
    ///   - bytes: the text in UTF-8, without byte order mark.
    ///   - source: what messages call the text, for instance a file name.
    /// - Throws: `JSONError.syntax` with line and column.
    public static func parse(
        _ bytes: UnsafeRawBufferPointer, source: String = "", options: ParseOptions = ParseOptions()
    ) throws -> JSON {
        var parser = Parser(bytes: bytes, source: source, options: options)
        return try parser.parseDocument()
    }

    /// Reads one JSON value that fills the whole text; see the overload on raw bytes.
    public static func parse(
        _ bytes: [UInt8], source: String = "", options: ParseOptions = ParseOptions()
    ) throws -> JSON {
        try bytes.withUnsafeBytes { try parse($0, source: source, options: options) }
    }

    /// Reads one JSON value that fills the whole text; see the overload on raw bytes.
    public static func parse(
        _ data: Data, source: String = "", options: ParseOptions = ParseOptions()
    ) throws -> JSON {
        try data.withUnsafeBytes { try parse($0, source: source, options: options) }
    }

    /// Reads one JSON value that fills the whole text; see the overload on raw bytes.
    public static func parse(
        _ text: String, source: String = "", options: ParseOptions = ParseOptions()
    ) throws -> JSON {
        var text = text
        return try text.withUTF8 { try parse(UnsafeRawBufferPointer($0), source: source, options: options) }
    }

    /// Reads a file that holds one JSON value.
    ///
    /// - Parameter maximumBytes: larger files are refused before they are read.
    /// - Throws: `JSONError.unreadable` or `JSONError.syntax`, both with the file's name.
    public static func parse(
        contentsOf file: URL, maximumBytes: Int = 1 << 30, options: ParseOptions = ParseOptions()
    ) throws -> JSON {
        let data: Data
        do {
            let handle = try FileHandle(forReadingFrom: file)
            defer { try? handle.close() }
            let size = try handle.seekToEnd()
            guard size <= UInt64(maximumBytes) else {
                throw JSONError.unreadable(
                    path: file.path, reason: "the file has \(size) bytes, more than the limit of \(maximumBytes)")
            }
            try handle.seek(toOffset: 0)
            data = try handle.readToEnd() ?? Data()
        } catch let error as JSONError {
            throw error
        } catch {
            let exists = FileManager.default.fileExists(atPath: file.path)
            throw JSONError.unreadable(
                path: file.path, reason: exists ? "the file cannot be read" : "there is no such file")
        }
        return try parse(data, source: file.lastPathComponent, options: options)
    }
}
