import Foundation
import JSON

/// A data file with the format it is read in.
///
/// ```swift
/// try DataFile(URL(filePath: "train.jsonl")).forEachRecord { record in … }
/// ```
public struct DataFile: Sendable {
    /// The formats that can be read.
    public enum Format: String, Sendable, CaseIterable {
        /// One JSON object per line, or one array of objects.
        case json
        /// Comma-separated values after RFC 4180 with a header.
        case csv
        /// The same with tabs.
        case tsv
        /// One example per line; blank lines are skipped. The only column is `text`.
        case text
    }

    /// Bounds and details of reading.
    public struct Options: Sendable {
        /// The longest row in bytes.
        public var maximumRowBytes: Int
        /// The largest file that may hold one JSON array, since it is parsed as a whole.
        public var maximumArrayBytes: Int
        /// Whether quotation marks group the fields of delimited files. Without, they are text like any other.
        public var quoting: Bool

        /// By default: rows up to 16 MiB, JSON arrays up to 256 MiB, quotation marks group.
        public init(maximumRowBytes: Int = 16 << 20, maximumArrayBytes: Int = 256 << 20, quoting: Bool = true) {
            self.maximumRowBytes = maximumRowBytes
            self.maximumArrayBytes = maximumArrayBytes
            self.quoting = quoting
        }
    }

    /// Where the file is.
    public let url: URL
    /// How it is read.
    public let format: Format
    /// Bounds and details of reading.
    public let options: Options

    /// Names a file.
    ///
    /// - Parameter format: by default what the file's ending says.
    /// - Throws: `DatasetError.unknownFileFormat`.
    public init(_ url: URL, format: Format? = nil, options: Options = Options()) throws {
        self.url = url
        self.options = options
        if let format {
            self.format = format
        } else if let format = Self.endings[url.pathExtension.lowercased()] {
            self.format = format
        } else {
            throw DatasetError.unknownFileFormat(path: url.relativePath)
        }
    }

    private static let endings: [String: Format] = [
        "jsonl": .json, "ndjson": .json, "json": .json, "csv": .csv, "tsv": .tsv, "tab": .tsv, "txt": .text,
        "text": .text,
    ]

    /// Calls `body` with every row in the file's order; only one row is held in memory (except of a JSON array).
    ///
    /// - Throws: a `DatasetError` with file and line; `.noRows` where there is none; what `body` throws.
    public func forEachRecord(_ body: (Record) throws -> Void) throws {
        var count = 0
        let counting = { (record: Record) in
            count += 1
            try body(record)
        }
        switch format {
        case .json: try readJSON(counting)
        case .csv: try readDelimited(by: UInt8(ascii: ","), counting)
        case .tsv: try readDelimited(by: UInt8(ascii: "\t"), counting)
        case .text: try readText(counting)
        }
        if count == 0 { throw DatasetError.noRows(path: url.relativePath) }
    }

    private func readText(_ body: (Record) throws -> Void) throws {
        let reader = try LineReader(url, maximumLineBytes: options.maximumRowBytes)
        while let line = try reader.next() {
            let text = line.text
            if text.unicodeScalars.allSatisfy(\.properties.isWhitespace) { continue }
            let location = SourceLocation(file: reader.path, position: .line(line.number))
            try body(Record(location: location, fields: ["text": .string(text)]))
        }
    }
}
