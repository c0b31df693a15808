import Files
import Foundation
import JSON

/// Reads one header, each step on what the steps before have proved.
struct HeaderParser {
    /// The format's own limit: 100 MB.
    static let maximumHeaderBytes = 100_000_000
    /// libtorch's operations take no more dimensions than this.
    static let maximumRank = 64
    static let metadataKey = "__metadata__"

    let file: FileInput
    private(set) var metadata: [String: String] = [:]
    private(set) var entries: [SafetensorsHeader.Entry] = []
    private var dataStart = 0

    init(file: FileInput) { self.file = file }

    private var dataBytes: Int { file.size - dataStart }

    mutating func parse() throws {
        let text = try readText()
        try checkArrays(text)
        for (key, value) in try parseMembers(text) {
            if TensorName(key) == TensorName(Self.metadataKey) {
                metadata = try parseMetadata(value)
            } else {
                entries.append(try parseEntry(key, JSON.Node(value)))
            }
        }
        try orderByData()
    }

    private func parseMembers(_ text: [UInt8]) throws -> JSON.Object {
        do {
            // A header nests three levels: the tensors, one tensor, its shape.
            return try JSON.Node(try JSON.parse(text, options: JSON.ParseOptions(maximumDepth: 8))).object()
        } catch let error as JSONError {
            throw failure("its header: \(printable("\(error)"))")
        }
    }

    /// Refuses arrays longer than any shape while they are text: as values they take many times the memory.
    private func checkArrays(_ text: [UInt8]) throws {
        var commas: Int?
        var isInString = false
        var isEscaped = false
        for byte in text {
            if isInString {
                isInString = isEscaped || byte != UInt8(ascii: "\"")
                isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isInString = true
            case UInt8(ascii: "["): commas = 0
            case UInt8(ascii: "]"): commas = nil
            case UInt8(ascii: ","):
                commas = commas.map { $0 + 1 }
                if let commas, commas >= Self.maximumRank {
                    throw failure("its header has an array of more than \(Self.maximumRank) elements")
                }
            default: break
            }
        }
    }

    private mutating func readText() throws -> [UInt8] {
        guard file.size >= 8 else { throw failure("it has \(file.size) bytes, fewer than the 8 that each begins with") }
        let length = try file.read(at: 0, count: 8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length <= UInt64(Self.maximumHeaderBytes) else {
            throw failure(
                "its header claims \(length) bytes, more than the format's limit of \(Self.maximumHeaderBytes)")
        }
        let count = Int(length)
        guard count <= file.size - 8 else {
            throw failure("its header claims \(count) bytes, but only \(file.size - 8) follow; the file is cut short")
        }
        let text = try file.read(at: 8, count: count)
        guard text.first == UInt8(ascii: "{") else { throw failure("its header does not begin with \"{\"") }
        dataStart = 8 + count
        return text
    }

    private func parseMetadata(_ value: JSON) throws -> [String: String] {
        guard case .object(let members) = value else { throw failure("its metadata is \(value.kind), not an object") }
        var metadata: [String: String] = [:]
        for (key, value) in members {
            guard case .string(let text) = value else {
                throw failure("its metadata has \(value.kind) for \(quoted(key)) instead of a string")
            }
            // Distinct bytes, but one key to Swift's dictionaries.
            guard metadata.updateValue(text, forKey: key) == nil else {
                throw failure("its metadata has the key \(quoted(key)) in two Unicode forms")
            }
        }
        return metadata
    }

    private func parseEntry(_ name: String, _ node: JSON.Node) throws -> SafetensorsHeader.Entry {
        do {
            return try checkedEntry(name, node)
        } catch let error as JSONError {
            throw SafetensorsError.tensor(file: file.path, name: name, problem: "has a wrong entry: \(error)")
        }
    }

    private func checkedEntry(_ name: String, _ node: JSON.Node) throws -> SafetensorsHeader.Entry {
        func failure(_ problem: String) -> SafetensorsError { .tensor(file: file.path, name: name, problem: problem) }
        let keys = try node.object().keys
        if let unknown = keys.first(where: { !["dtype", "shape", "data_offsets"].contains($0) }) {
            throw failure("has the unknown key \(quoted(unknown))")
        }
        let dtypeName = try node.field("dtype").string()
        guard let dtype = SafetensorsDType(rawValue: dtypeName) else {
            throw failure("has the unknown element type \(quoted(dtypeName))")
        }
        let shape = try node.field("shape").elements().map { try $0.int(in: 0...Int.max) }
        let offsets = try node.field("data_offsets").elements().map { try $0.int(in: 0...Int.max) }
        guard offsets.count == 2 else { throw failure("has \(offsets.count) data offsets instead of 2") }
        let (begin, end) = (offsets[0], offsets[1])
        guard begin <= end else { throw failure("ends at byte \(end), before it begins at byte \(begin)") }
        guard let bytes = dtype.byteCount(of: shape) else {
            throw failure("has the shape \(shape), whose size in bytes is not a whole number that fits 63 bits")
        }
        guard bytes == end - begin else {
            throw failure("needs \(bytes) bytes for its shape \(shape) of \(dtypeName), but has \(end - begin)")
        }
        guard end <= dataBytes else {
            throw failure("ends at byte \(end) of the data, but there are \(dataBytes); the file is cut short")
        }
        return SafetensorsHeader.Entry(
            name: name, dtype: dtype, shape: shape, byteCount: bytes, offset: dataStart + begin)
    }

    /// Puts the entries in the order of their data and checks that they cover it, each byte once.
    private mutating func orderByData() throws {
        // Empty tensors share their place with the next one: they come first there, in their own order.
        let order = entries.indices.sorted {
            let (left, right) = (entries[$0], entries[$1])
            return (left.offset, left.byteCount, $0) < (right.offset, right.byteCount, $1)
        }
        entries = order.map { entries[$0] }
        var covered = dataStart
        var previous = ""
        for entry in entries {
            if entry.offset < covered {
                throw SafetensorsError.tensor(
                    file: file.path, name: entry.name, problem: "overlaps the tensor \(quoted(previous))")
            }
            if entry.offset > covered {
                throw SafetensorsError.tensor(
                    file: file.path, name: entry.name,
                    problem: "begins \(entry.offset - covered) bytes after the end of the data before it")
            }
            covered += entry.byteCount
            previous = entry.name
        }
        guard covered == file.size else {
            throw failure("\(file.size - covered) bytes at its end belong to no tensor")
        }
    }

    private func failure(_ problem: String) -> SafetensorsError { .header(file: file.path, problem: problem) }
}
