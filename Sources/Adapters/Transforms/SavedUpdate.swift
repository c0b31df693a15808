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
        let name = CompressedAdapter.fileName
        func damaged(_ problem: String) -> CompressionError { .damaged(file: name, problem: problem) }
        func text(_ key: String) throws -> String {
            guard let value = file.metadata[CompressedAdapter.prefix + key] else {
                throw damaged("its metadata lacks \(quoted(CompressedAdapter.prefix + key))")
            }
            return value
        }
        func choice<Value: RawRepresentable>(_ key: String, _ type: Value.Type) throws -> Value
        where Value.RawValue == String {
            guard let value = Value(rawValue: try text(key)) else { throw damaged("\(key) has an unknown value") }
            return value
        }
        func json(_ key: String) throws -> JSON.Node {
            JSON.Node(try JSON.parse(try text(key)), source: CompressedAdapter.prefix + key)
        }
        let version = try text("version")
        guard version == CompressedAdapter.version else { throw CompressionError.version(file: name, found: version) }
        guard let density = Double(try text("density")), let alpha = Double(try text("alpha")),
            let d = Int(try text("d")), let total = Int(try text("nonzeros")), let b = Int(try text("b"))
        else { throw damaged("a number of its metadata cannot be read") }
        var options = ComPEFT()
        (options.density, options.alpha) = (density, alpha)
        options.scope = try choice("scope", ComPEFT.Scope.self)
        options.codec = try choice("codec", ComPEFT.Codec.self)
        try options.validate()
        (self.options, parameter) = (options, b)
        reference = try choice("lora_reference", CompressedAdapter.Reference.self)
        startDigest = try text("start")
        tensors = try json("tensors").elements().map { node in
            let sizes = try node.field("shape").elements().map { try $0.int() }
            let type = try node.field("dtype").string()
            guard let dtype = [DType.float32, .float16, .bfloat16, .float64].first(where: { "\($0)" == type }) else {
                throw damaged("the type \(quoted(type)) is not one of a weight")
            }
            return SavedTensor(
                shape: CompressedUpdate.Shape(name: try node.field("name").string(), sizes: sizes), dtype: dtype)
        }
        var count = 0
        for tensor in tensors {
            var size = 1
            for side in tensor.shape.sizes {
                let (product, overflow) = size.multipliedReportingOverflow(by: side)
                guard side >= 0, !overflow, product <= Self.maximumEntries else {
                    throw damaged("the shape \(tensor.shape.sizes) cannot be")
                }
                size = product
            }
            count += size
            guard count <= Self.maximumEntries else { throw damaged("it stands for too many entries") }
        }
        bits = try json("bits").elements().map { try $0.int() }
        nonzeros = try json("entries").elements().map { try $0.int() }
        let parts = options.scope == .global ? 1 : tensors.count
        guard !tensors.isEmpty, count == d, bits.count == parts, nonzeros.count == parts,
            (bits + nonzeros).allSatisfy({ (0...(4 * Self.maximumEntries)).contains($0) }),
            nonzeros.reduce(0, +) == total
        else { throw damaged("its numbers contradict each other") }
    }

    /// Reads scales and signs.
    func decoded(_ file: SafetensorsFile) throws -> CompressedUpdate {
        func damaged(_ problem: String) -> CompressionError {
            .damaged(file: CompressedAdapter.fileName, problem: problem)
        }
        let (scales, codes) = (try file.tensor("scales"), try file.tensor("codes"))
        guard try scales.dtype == .float32, try scales.shape == [bits.count], try codes.dtype == .uint8 else {
            throw damaged("scales or codes have another type or shape than they must")
        }
        let magnitudes: [Float] = try scales.array()
        guard magnitudes.allSatisfy({ $0.isFinite && $0 >= 0 }) else { throw damaged("a scale is not a number") }
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
            else { throw damaged("its codes do not fit the number of entries") }
            parts.append(CompressedUpdate.Part(signs: signs, sigma: nil, scale: magnitudes[index]))
            place = end
        }
        guard place == bytes.count else { throw damaged("bytes are left over after the codes") }
        return CompressedUpdate(
            density: options.density, alpha: options.alpha, scope: options.scope, tensors: tensors.map(\.shape),
            parts: parts)
    }
}
