import JSON
import Networks
import Torch

/// The metadata of a compressed file, checked.
struct SavedUpdate {
    struct SavedTensor {
        let shape: CompressedUpdate.Shape
        let dtype: DType
    }

    let tensors: [SavedTensor]
    let reference: CompressedAdapter.Reference
    let startDigest: String
    private let options: ComPEFT
    private let parameter: Int
    private let bits: [Int]
    private let nonzeros: [Int]

    /// Entries that a file may stand for: their signs are a byte each in memory.
    private static let maximumEntries = 1 << 31

    init(_ file: SafetensorsFile) throws {
        let metadata = SavedMetadata(file: file)
        let version = try metadata.text("version")
        guard version == CompressedAdapter.version else {
            throw CompressionError.version(file: CompressedAdapter.fileName, found: version)
        }
        let (d, total) = (try metadata.integer("d"), try metadata.integer("nonzeros"))
        parameter = try metadata.integer("b")
        var options = ComPEFT()
        (options.density, options.alpha) = (try metadata.number("density"), try metadata.number("alpha"))
        options.scope = try metadata.choice("scope")
        options.codec = try metadata.choice("codec")
        try options.validate()
        self.options = options
        reference = try metadata.choice("lora_reference")
        startDigest = try metadata.text("start")
        tensors = try metadata.json("tensors").elements().map { try SavedTensor($0) }
        let count = try Self.entryCount(tensors)
        bits = try metadata.json("bits").elements().map { try $0.int() }
        nonzeros = try metadata.json("entries").elements().map { try $0.int() }
        let parts = options.scope == .global ? 1 : tensors.count
        guard !tensors.isEmpty, count == d, bits.count == parts, nonzeros.count == parts,
            (bits + nonzeros).allSatisfy({ (0...(4 * Self.maximumEntries)).contains($0) }),
            nonzeros.reduce(0, +) == total
        else { throw SavedMetadata.damaged("its numbers contradict each other") }
    }

    /// The entries of all tensors together.
    private static func entryCount(_ tensors: [SavedTensor]) throws -> Int {
        var count = 0
        for tensor in tensors {
            var size = 1
            for side in tensor.shape.sizes {
                let (product, overflow) = size.multipliedReportingOverflow(by: side)
                guard side >= 0, !overflow, product <= maximumEntries else {
                    throw SavedMetadata.damaged("the shape \(tensor.shape.sizes) cannot be")
                }
                size = product
            }
            count += size
            guard count <= maximumEntries else { throw SavedMetadata.damaged("it stands for too many entries") }
        }
        return count
    }

    /// Reads scales and signs.
    func decoded(_ file: SafetensorsFile) throws -> CompressedUpdate {
        let (scales, codes) = (try file.tensor("scales"), try file.tensor("codes"))
        guard try scales.dtype == .float32, try scales.shape == [bits.count], try codes.dtype == .uint8 else {
            throw SavedMetadata.damaged("scales or codes have another type or shape than they must")
        }
        let magnitudes: [Float] = try scales.array()
        guard magnitudes.allSatisfy({ $0.isFinite && $0 >= 0 }) else {
            throw SavedMetadata.damaged("a scale is not a number")
        }
        let bytes: [UInt8] = try codes.array()
        let counts =
            options.scope == .global
            ? [tensors.reduce(0) { $0 + $1.shape.count }] : tensors.map(\.shape.count)
        var (parts, place): ([CompressedUpdate.Part], Int) = ([], 0)
        for (index, count) in counts.enumerated() {
            let end = place + (bits[index] + 7) / 8
            guard end <= bytes.count, let code = BitString(bytes: Array(bytes[place..<end]), count: bits[index]),
                let signs = CompressedUpdate.Part.signs(
                    code, options.codec, parameter: parameter, count: count, nonzeros: nonzeros[index])
            else { throw SavedMetadata.damaged("its codes do not fit the number of entries") }
            parts.append(CompressedUpdate.Part(signs: signs, sigma: nil, scale: magnitudes[index]))
            place = end
        }
        guard place == bytes.count else { throw SavedMetadata.damaged("bytes are left over after the codes") }
        return CompressedUpdate(
            density: options.density, alpha: options.alpha, scope: options.scope, tensors: tensors.map(\.shape),
            parts: parts)
    }
}

extension SavedUpdate.SavedTensor {
    fileprivate init(_ node: JSON.Node) throws {
        let sizes = try node.field("shape").elements().map { try $0.int() }
        let type = try node.field("dtype").string()
        guard let dtype = [DType.float32, .float16, .bfloat16, .float64].first(where: { "\($0)" == type }) else {
            throw SavedMetadata.damaged("the type \(quoted(type)) is not one of a weight")
        }
        self.init(
            shape: CompressedUpdate.Shape(name: try node.field("name").string(), sizes: sizes), dtype: dtype)
    }
}

/// The values of a compressed file's metadata, by their keys without the prefix.
private struct SavedMetadata {
    let file: SafetensorsFile

    static func damaged(_ problem: String) -> CompressionError {
        .damaged(file: CompressedAdapter.fileName, problem: problem)
    }

    func text(_ key: String) throws -> String {
        guard let value = file.metadata[CompressedAdapter.prefix + key] else {
            throw Self.damaged("its metadata lacks \(quoted(CompressedAdapter.prefix + key))")
        }
        return value
    }

    func number(_ key: String) throws -> Double { try parsed(Double(try text(key))) }

    func integer(_ key: String) throws -> Int { try parsed(Int(try text(key))) }

    func choice<Value: RawRepresentable<String>>(_ key: String) throws -> Value {
        guard let value = Value(rawValue: try text(key)) else {
            throw Self.damaged("\(key) has an unknown value")
        }
        return value
    }

    func json(_ key: String) throws -> JSON.Node {
        JSON.Node(try JSON.parse(try text(key)), source: CompressedAdapter.prefix + key)
    }

    private func parsed<Value>(_ value: Value?) throws -> Value {
        guard let value else { throw Self.damaged("a number of its metadata cannot be read") }
        return value
    }
}
