import Files
import Foundation
import JSON

/// What a safetensors file says about itself, read and checked without touching the tensors' data.
///
/// A file is an 8-byte length, a header of that many bytes in JSON, and the tensors' data without gaps. Everything is
/// checked when the header is read: a value of this type describes a file whose parts fit together.
///
/// Source: the format's description at https://github.com/huggingface/safetensors.
public struct SafetensorsHeader: Sendable {
    /// One tensor of a file.
    public struct Entry: Sendable, Equatable {
        /// The tensor's name.
        public let name: String
        /// The type of its elements.
        public let dtype: SafetensorsDType
        /// The size of each dimension.
        public let shape: [Int]
        /// Bytes of its data.
        public let byteCount: Int
        /// The place of its first byte, counted from the start of the file.
        public let offset: Int
    }

    /// The file's path.
    public let path: String
    /// Free text by key, from the header's `__metadata__`.
    public let metadata: [String: String]
    /// The tensors in the order of their data.
    public let entries: [Entry]
    /// Bytes of the whole file.
    public let fileSize: Int

    private let places: [TensorName: Int]

    /// Reads and checks the header of a file. The memory it takes grows with the header alone.
    ///
    /// - Throws: `SafetensorsError` for what is wrong inside the file, `FileError` where it cannot be read.
    public init(reading url: URL) throws {
        try self.init(FileInput(url))
    }

    init(_ file: FileInput) throws {
        var parser = HeaderParser(file: file)
        try parser.parse()
        path = file.path
        fileSize = file.size
        metadata = parser.metadata
        entries = parser.entries
        places = Dictionary(
            entries.enumerated().map { (TensorName($0.element.name), $0.offset) },
            uniquingKeysWith: { first, _ in first })
    }
}

extension SafetensorsHeader {
    /// The tensors' names in the order of their data.
    public var names: [String] { entries.map(\.name) }

    /// Whether there is a tensor of this name, compared by bytes.
    public func contains(_ name: String) -> Bool { places[TensorName(name)] != nil }

    /// The tensor of this name, compared by bytes.
    ///
    /// - Throws: `SafetensorsError.missing` with the nearest name.
    public func entry(_ name: String) throws -> Entry {
        guard let place = places[TensorName(name)] else {
            let nearest = TensorName.nearest(to: name, in: entries.lazy.map(\.name))
            throw SafetensorsError.missing(file: path, name: name, nearest: nearest)
        }
        return entries[place]
    }
}
