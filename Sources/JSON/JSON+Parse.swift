import Files
import Foundation

extension JSON {
    /// What a text may hold beyond, or less than, RFC 8259.
    public struct ParseOptions: Sendable {
        /// How deep arrays and objects may nest.
        public var maximumDepth: Int
        /// Whether Python's `NaN`, `Infinity` and `-Infinity` are numbers, and `1e999` is infinite.
        public var allowsNonFinite: Bool
        /// How many values the text may hold, nested ones included: as values, `[0,0,…]` takes many times its length.
        public var maximumValues: Int

        /// By default: 128 levels, finite numbers only, 16 million values, ten times those of the largest tokenizers.
        public init(maximumDepth: Int = 128, allowsNonFinite: Bool = false, maximumValues: Int = 1 << 24) {
            self.maximumDepth = maximumDepth
            self.allowsNonFinite = allowsNonFinite
            self.maximumValues = maximumValues
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

    /// The largest file that is read by default; the largest tokenizers have 40 MB.
    public static let maximumFileBytes = 256 << 20

    /// Reads a file that holds one JSON value.
    ///
    /// - Parameter maximumBytes: larger files are refused before they are read, and so are pipes and devices.
    /// - Throws: `JSONError.unreadable` or `JSONError.syntax`, both with the file's name.
    public static func parse(
        contentsOf file: URL, maximumBytes: Int = JSON.maximumFileBytes, options: ParseOptions = ParseOptions()
    ) throws -> JSON {
        let bytes: [UInt8]
        do {
            let input = try FileInput(file)
            guard input.size <= maximumBytes else {
                throw JSONError.unreadable(
                    path: file.path, reason: "the file has \(input.size) bytes, more than the limit of \(maximumBytes)")
            }
            bytes = try input.read(at: 0, count: input.size)
        } catch let error as FileError {
            throw JSONError.unreadable(path: file.path, reason: reason(error))
        }
        return try parse(bytes, source: file.lastPathComponent, options: options)
    }

    private static func reason(_ error: FileError) -> String {
        switch error {
        case .system(_, _, ENOENT): "there is no such file"
        case .notAFile: "it is not a regular file"
        case .shrank, .changed: "it was changed while it was read"
        case .system(_, _, let code): "the file cannot be read: \(String(cString: strerror(code)))"
        case .inUse, .vanished: "\(error)"
        case .outside(_, let target): "it is a link to \(target), outside of its folder"
        }
    }
}
