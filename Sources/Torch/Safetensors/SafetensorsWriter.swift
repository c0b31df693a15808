import Files
import Foundation
import JSON

/// Writes tensors as one safetensors file, whole or not at all.
///
/// ```swift
/// try SafetensorsWriter.write([("weight", weight)], metadata: ["format": "pt"], to: url)
/// ```
///
/// The layout is that of the format's own library: `__metadata__` first, then the tensors by falling alignment and by
/// name, the header filled with spaces to a multiple of 8. Equal contents give equal bytes; metadata is sorted by key.
public struct SafetensorsWriter: Sendable {
    /// A tensor to be written, before it exists.
    public struct Item: Sendable, Equatable {
        /// The tensor's name.
        public let name: String
        /// The type of its elements.
        public let dtype: DType
        /// The size of each dimension.
        public let shape: [Int]

        /// Announces a tensor.
        public init(name: String, dtype: DType, shape: [Int]) {
            self.name = name
            self.dtype = dtype
            self.shape = shape
        }
    }

    /// The tensors in the order in which `write(to:tensor:)` asks for them.
    public let items: [Item]
    /// Bytes of the file.
    public let byteCount: Int

    private let header: [UInt8]

    /// Lays out a file.
    ///
    /// - Throws: `SafetensorsError.unwritable` for two tensors of one name and for shapes without a size.
    public init(_ items: [Item], metadata: [String: String] = [:]) throws {
        self.items = items.sorted {
            let (left, right) = (SafetensorsDType($0.dtype), SafetensorsDType($1.dtype))
            return left == right ? TensorName($0.name) < TensorName($1.name) : left.layoutRank > right.layoutRank
        }
        var header = JSON.Object()
        if !metadata.isEmpty {
            let members = metadata.sorted { TensorName($0.key) < TensorName($1.key) }
            header[HeaderParser.metadataKey] = .object(JSON.Object(members.map { ($0.key, .string($0.value)) }))
        }
        var dataBytes = 0
        for item in self.items {
            let end = try Self.end(of: item, from: dataBytes)
            guard header[item.name] == nil, TensorName(item.name) != TensorName(HeaderParser.metadataKey) else {
                throw SafetensorsError.unwritable(name: item.name, problem: "the name is taken")
            }
            header[item.name] = [
                "dtype": .string(SafetensorsDType(item.dtype).rawValue),
                "shape": .array(item.shape.map { .int(Int64($0)) }),
                "data_offsets": [.int(Int64(dataBytes)), .int(Int64(end))],
            ]
            dataBytes = end
        }
        self.header = try Self.framed(JSON.object(header).serializedBytes(), lastName: self.items.last?.name ?? "")
        byteCount = self.header.count + dataBytes
    }

    /// Writes the file, asking for one tensor after the other in the order of `items`.
    ///
    /// A tensor that is contiguous on the CPU is written from where it lies; others are copied one at a time.
    ///
    /// - Parameter tensor: gives the tensor of an item, of the announced type and shape.
    /// - Throws: `FileError` where the file cannot be written, what `tensor` throws. The earlier file is then intact.
    public func write(to url: URL, tensor: (Item) throws -> Tensor) throws {
        try AtomicFile.write(to: url) { output in
            try output.write(header)
            for item in items { try Self.write(tensor(item), as: item, to: output) }
        }
    }

    /// Where the numbers of an announced tensor come from.
    public enum Contents {
        /// A tensor in memory.
        case tensor(Tensor)
        /// A tensor of another file, as it is stored there: it is copied by the system and never read into memory.
        case stored(StoredTensor)
    }

    /// Writes the file, asking for the contents of one tensor after the other in the order of `items`.
    ///
    /// - Throws: as `write(to:tensor:)`.
    public func write(to url: URL, contents: (Item) throws -> Contents) throws {
        try AtomicFile.write(to: url) { output in
            try output.write(header)
            for item in items {
                switch try contents(item) {
                case .tensor(let tensor): try Self.write(tensor, as: item, to: output)
                case .stored(let stored): try Self.copy(stored, as: item, to: output)
                }
            }
        }
    }

    /// Writes tensors that are all at hand.
    ///
    /// - Throws: `SafetensorsError.unwritable` for two tensors of one name, `FileError` for the disk.
    public static func write(
        _ tensors: [(name: String, tensor: Tensor)], metadata: [String: String] = [:], to url: URL
    ) throws {
        let items = try tensors.map { Item(name: $0.name, dtype: try $0.tensor.dtype, shape: try $0.tensor.shape) }
        let writer = try SafetensorsWriter(items, metadata: metadata)
        let byName = Dictionary(
            tensors.map { (TensorName($0.name), $0.tensor) }, uniquingKeysWith: { first, _ in first })
        try writer.write(to: url) { item in
            guard let tensor = byName[TensorName(item.name)] else {
                throw SafetensorsError.unwritable(name: item.name, problem: "it was not given")
            }
            return tensor
        }
    }
}

extension SafetensorsWriter {
    private static func end(of item: Item, from start: Int) throws -> Int {
        guard item.shape.allSatisfy({ $0 >= 0 }), let bytes = SafetensorsDType(item.dtype).byteCount(of: item.shape),
            case (let end, false) = start.addingReportingOverflow(bytes)
        else {
            throw SafetensorsError.unwritable(name: item.name, problem: "the shape \(item.shape) has no size")
        }
        return end
    }

    /// The header with its length before it, filled so that the data begins at a multiple of 8.
    private static func framed(_ text: [UInt8], lastName: String) throws -> [UInt8] {
        let padding = (8 - text.count % 8) % 8
        let length = text.count + padding
        guard length <= HeaderParser.maximumHeaderBytes else {
            throw SafetensorsError.unwritable(
                name: lastName, problem: "the header would have \(length) bytes, more than the format's limit")
        }
        let frame = (0..<8).map { UInt8(truncatingIfNeeded: length >> ($0 * 8)) }
        return frame + text + [UInt8](repeating: UInt8(ascii: " "), count: padding)
    }

    private static func require(_ dtype: DType?, _ shape: [Int], of item: Item) throws {
        guard dtype == item.dtype, shape == item.shape else {
            throw SafetensorsError.unwritable(
                name: item.name,
                problem: "it is \(dtype.map { "\($0)" } ?? "of an unknown type") \(shape), but was announced as "
                    + "\(item.dtype) \(item.shape)")
        }
    }

    private static func copy(_ stored: StoredTensor, as item: Item, to output: FileOutput) throws {
        try require(stored.entry.dtype.tensorType, stored.entry.shape, of: item)
        try output.copy(from: stored.input, at: stored.entry.offset, count: stored.entry.byteCount)
    }

    private static func write(_ tensor: Tensor, as item: Item, to output: FileOutput) throws {
        let (dtype, shape) = (try tensor.dtype, try tensor.shape)
        try require(dtype, shape, of: item)
        let plain = try tensor.detach().to(.cpu).contiguous()
        let count = try plain.count * dtype.size
        guard count > 0 else { return }
        try withExtendedLifetime(plain) {
            let address = UnsafeRawPointer(bitPattern: try ATen.dataAddress(plain))
            try output.write(UnsafeRawBufferPointer(start: address, count: count))
        }
    }
}

extension SafetensorsDType {
    /// The place of this type in the order of layouts; the largest comes first in a file.
    fileprivate var layoutRank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
