import Files
import Foundation

/// A safetensors file whose tensors are views of a memory map, or of a copy where the file is small.
///
/// ```swift
/// let file = try SafetensorsFile(folder.appending(path: "model.safetensors"))
/// let weight = try file.tensor("encoder.layer.0.attention.self.query.weight")
/// ```
///
/// Opening reads the header alone. The pages of a tensor come from the disk when they are first used and can be dropped
/// again by the system, so that a checkpoint larger than the memory can be walked through.
public final class SafetensorsFile: Sendable {
    /// One tensor of the file.
    public typealias Entry = SafetensorsHeader.Entry

    /// The checked header.
    public let header: SafetensorsHeader
    let map: MappedFile

    /// Opens, checks and maps a file.
    ///
    /// - Throws: `SafetensorsError` for what is wrong inside the file, `FileError` where it cannot be read.
    public convenience init(_ url: URL) throws {
        try self.init(FileInput(url))
    }

    init(_ file: FileInput) throws {
        header = try SafetensorsHeader(file)
        map = try MappedFile(file)
    }
}

extension SafetensorsFile {
    /// Free text by key, from the header's `__metadata__`.
    public var metadata: [String: String] { header.metadata }

    /// The tensors' names in the order of their data.
    public var names: [String] { header.names }

    /// The tensors in the order of their data.
    public var entries: [Entry] { header.entries }

    /// Whether there is a tensor of this name, compared by bytes.
    public func contains(_ name: String) -> Bool { header.contains(name) }

    /// A tensor of the file on the CPU, in the type it is stored in.
    ///
    /// The tensor is a view of the map and keeps it alive; writing to it changes neither the file nor what other
    /// processes see, but every later view of the same tensor. A tensor whose place in the file does not suit its type
    /// is a copy.
    ///
    /// - Throws: `SafetensorsError.missing` with the nearest name, `.unsupported` for a type that Graft lacks; `FileError`
    ///   where the file has changed since it was opened.
    public func tensor(_ name: String) throws -> Tensor {
        let entry = try header.entry(name)
        guard let dtype = entry.dtype.tensorType else {
            throw SafetensorsError.unsupported(file: header.path, name: name, dtype: entry.dtype)
        }
        try map.requireUnchanged()
        guard let address = try bytes(of: entry, as: dtype).baseAddress else {
            return try Tensor.empty(entry.shape, dtype: dtype)
        }
        if UInt(bitPattern: address) % UInt(dtype.size) == 0 {
            return try Tensor.wrapping(address, shape: entry.shape, dtype: dtype, owner: map)
        }
        let copy = try Tensor.empty(entry.shape, dtype: dtype)
        try withExtendedLifetime(copy) {
            UnsafeMutableRawPointer(bitPattern: try ATen.dataAddress(copy))?
                .copyMemory(from: address, byteCount: entry.byteCount)
        }
        return copy
    }

    /// Lends the stored bytes of a tensor of any type, in row-major order, little-endian.
    ///
    /// - Throws: `SafetensorsError.missing` with the nearest name, and what `body` throws.
    public func withBytes<Result>(of name: String, _ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        let entry = try header.entry(name)
        try map.requireUnchanged()
        return try withExtendedLifetime(map) { try body(UnsafeRawBufferPointer(stored(entry))) }
    }

    /// Holds the file against what it was when it was opened: what was read from it since is what it held then.
    ///
    /// - Throws: `FileError.shrank` or `.changed`.
    public func requireUnchanged() throws { try map.requireUnchanged() }

    /// The bytes of a tensor; empty without an address where it has none.
    private func bytes(of entry: Entry, as dtype: DType) throws -> UnsafeMutableRawBufferPointer {
        guard entry.byteCount > 0 else { return UnsafeMutableRawBufferPointer(start: nil, count: 0) }
        let bytes = stored(entry)
        // Any other byte is not a value of C++'s bool, and code compiled for bool may do anything with it.
        if dtype == .bool, let bad = bytes.first(where: { $0 > 1 }) {
            throw SafetensorsError.tensor(
                file: header.path, name: entry.name, problem: "is of type BOOL but holds the byte \(bad)")
        }
        return bytes
    }

    /// The header has been checked against the size of the file that the map was made of.
    private func stored(_ entry: Entry) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: map.bytes[entry.offset..<(entry.offset + entry.byteCount)])
    }
}
