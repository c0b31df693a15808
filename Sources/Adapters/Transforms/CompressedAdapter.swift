import Backbones
import Files
import Foundation
import JSON
import Networks
import Torch

/// An adapter's folder with its update compressed by `ComPEFT`: `adapter_config.json` as it was, and one safetensors file
/// of signs and scales in place of the weights.
///
/// The file holds `scales` (fp32, one a vector) and `codes` (the bits of all vectors, filled up to bytes, one after the
/// other). Its metadata keeps that of the adapter and adds, under `compeft.*`: `version`, `d`, `nonzeros`, `b`, `density`,
/// `alpha`, `scope`, `codec`, `lora_reference`, `tensors` (name, shape and type in order), `bits` and `entries` (of each
/// vector) and `start`, the digest of the tensors that the update is added to.
public enum CompressedAdapter {
    /// The file that stands in for the weights.
    public static let fileName = "adapter_model.compeft.safetensors"

    /// What the update is taken from.
    public enum Reference: String, Sendable, CaseIterable {
        /// The tensors that the training started from, drawn again from the recorded seed.
        case start = "init"
        /// Zeros: the tensors themselves are the update.
        case zero
    }

    /// What a compression achieved.
    public struct Report: Sendable {
        /// Entries of the update.
        public let entries: Int
        /// Entries that keep a sign.
        public let nonzeros: Int
        /// Bytes of the weights before.
        public let bytesBefore: Int
        /// Bytes of the compressed file.
        public let bytesAfter: Int
        /// Bits an ideal code would take.
        public let entropyBits: Double
        /// Bits of the codes.
        public let codeBits: Int
        /// α·σ of each vector.
        public let scales: [Float]
    }

    /// Compresses an adapter's folder into another.
    ///
    /// - Parameters:
    ///   - base: the checkpoint, needed for `Reference.start`; nil for the one that the adapter names.
    ///   - output: a folder that does not exist, or is empty.
    public static func compress(
        _ adapter: URL, base: URL?, to output: URL, options: ComPEFT = ComPEFT(), reference: Reference = .start
    ) throws -> Report {
        try options.validate()
        let source = try AdapterUpdate(adapter, base: base, reference: reference)
        let (folder, file) = (source.folder, source.file)
        let update = try options.compress(source.changes)
        let codes = update.parts.map { $0.code(options.codec, parameter: update.riceParameter) }
        var metadata = file.metadata
        let types = try Dictionary(
            file.names.map { ($0, try file.tensor($0).dtype) }, uniquingKeysWith: { first, _ in first })
        let tensors = update.tensors.map { tensor -> JSON in
            [
                "name": .string(tensor.name), "shape": .array(tensor.sizes.map { .int(Int64($0)) }),
                "dtype": .string("\(types[tensor.name] ?? .float32)"),
            ]
        }
        func numbers(_ values: [Int]) -> String { JSON.array(values.map { .int(Int64($0)) }).serialized() }
        let values: [(String, String)] = [
            ("version", version), ("d", "\(update.count)"), ("nonzeros", "\(update.nonzeros)"),
            ("b", "\(update.riceParameter)"), ("density", "\(options.density)"), ("alpha", "\(options.alpha)"),
            ("scope", options.scope.rawValue), ("codec", options.codec.rawValue),
            ("lora_reference", reference.rawValue), ("tensors", JSON.array(tensors).serialized()),
            ("bits", numbers(codes.map(\.count))), ("entries", numbers(update.parts.map(\.nonzeros))),
            ("start", try digest(source.changes.map { ($0.name, $0.start) })),
        ]
        for (key, value) in values { metadata[prefix + key] = value }
        try NewFolder.make(output, apartFrom: [], within: folder) { temporary in
            try SafetensorsWriter.write(
                [("scales", try Tensor(update.parts.map(\.scale))), ("codes", try Tensor(codes.flatMap(\.bytes)))],
                metadata: metadata, to: temporary.appendingPathComponent(fileName))
            try copyConfig(from: folder, to: temporary)
        }
        func size(_ url: URL) throws -> Int { try FileInput(url).size }
        return Report(
            entries: update.count, nonzeros: update.nonzeros,
            bytesBefore: try size(folder.appendingPathComponent(AdapterFolder.weightsName)),
            bytesAfter: try size(output.appendingPathComponent(fileName)), entropyBits: update.entropyBits,
            codeBits: codes.reduce(0) { $0 + $1.count }, scales: update.parts.map(\.scale))
    }

    /// Writes the ordinary adapter that a compressed one stands for: start plus update.
    ///
    /// - Parameter base: as in `compress`.
    /// - Throws: `CompressionError` for what is wrong with the file, or with the start.
    public static func decompress(_ compressed: URL, base: URL?, to output: URL) throws {
        let config = try AdapterConfig(folder: compressed)
        let weights = compressed.appendingPathComponent(fileName)
        try Containment.require(weights, in: compressed)
        let file = try SafetensorsFile(weights)
        let saved = try SavedUpdate(file)
        let shapes = saved.tensors.map { (name: $0.shape.name, shape: $0.shape.sizes) }
        let starts = try starts(config, file.metadata, shapes, base, saved.reference)
        // Held against the start before anything is decoded: a file cannot ask for more memory than its base does.
        let begun = try saved.tensors.map { tensor in
            guard let start = starts(tensor.shape.name) else {
                throw CompressionError.unmatched(name: tensor.shape.name)
            }
            let value = try start()
            guard try value.shape == tensor.shape.sizes else {
                throw CompressionError.shape(
                    name: tensor.shape.name, expected: try value.shape, found: tensor.shape.sizes)
            }
            return (name: tensor.shape.name, tensor: value)
        }
        let found = try digest(begun)
        guard found == saved.startDigest else {
            throw CompressionError.otherStart(file: fileName, expected: saved.startDigest, found: found)
        }
        let update = try saved.decoded(file)
        let tensors = try begun.indices.map { index in
            (begun[index].name, try update.tensor(index, from: begun[index].tensor).to(saved.tensors[index].dtype))
        }
        let metadata = file.metadata.filter { !$0.key.hasPrefix(prefix) }
        try NewFolder.make(output, apartFrom: [compressed], within: compressed) { temporary in
            try SafetensorsWriter.write(
                tensors, metadata: metadata, to: temporary.appendingPathComponent(AdapterFolder.weightsName))
            try copyConfig(from: compressed, to: temporary)
        }
    }

    static let version = "1"
    static let prefix = "compeft."

    /// Gives the start of a tensor by its name; nil for one that has none.
    static func starts(
        _ config: AdapterConfig, _ metadata: [String: String], _ shapes: [(name: String, shape: [Int])], _ base: URL?,
        _ reference: Reference
    ) throws -> (String) -> (() throws -> Tensor)? {
        if reference == .zero {
            let known = Dictionary(shapes.map { ($0.name, $0.shape) }, uniquingKeysWith: { first, _ in first })
            return { name in known[name].map { shape in { try Tensor.zeros(shape) } } }
        }
        let place = base ?? config.baseModel.map { URL(fileURLWithPath: $0) }
        guard let place, FileManager.default.fileExists(atPath: place.path) else {
            throw CompressionError.noBase(adapter: "the adapter")
        }
        let tensors = try AdapterStart.tensors(
            of: config, AdapterProvenance(metadata: metadata), shapes: shapes, base: place)
        let names = Set(shapes.map(\.name))
        if let stranger = tensors.keys.sorted().first(where: { !names.contains($0) }) {
            throw CompressionError.unmatched(name: stranger)
        }
        return { name in tensors[name].map { tensor in { tensor } } }
    }

    /// The digest of the start: names, shapes and values as fp32, in the order of the names.
    private static func digest(_ tensors: [(name: String, tensor: Tensor)]) throws -> String {
        var digest = Digest()
        for (name, tensor) in tensors.sorted(by: { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }) {
            digest.update(name)
            for size in try tensor.shape { digest.update(size) }
            let values: [Float] = try tensor.array()
            values.withUnsafeBytes { digest.update($0) }
        }
        return digest.finalize()
    }

    static func copyConfig(from source: URL, to folder: URL) throws {
        let name = AdapterConfig.fileName
        let file = source.appendingPathComponent(name).resolvingSymlinksInPath()
        try FileManager.default.copyItem(at: file, to: folder.appendingPathComponent(name))
    }
}

extension CompressedUpdate.Part {
    /// The bits of the signs.
    func code(_ codec: ComPEFT.Codec, parameter: Int) -> BitString {
        switch codec {
        case .rice: RiceCode.encode(signs, parameter: parameter)
        case .masks: BitString(signs.map { $0 > 0 } + signs.map { $0 < 0 })
        }
    }

    /// Reads the signs of `count` entries; nil where the bits do not fit.
    static func signs(
        _ bits: BitString, _ codec: ComPEFT.Codec, parameter: Int, count: Int, nonzeros: Int
    ) -> [Int8]? {
        switch codec {
        case .rice: return RiceCode.decode(bits, parameter: parameter, count: count, nonzeros: nonzeros)
        case .masks:
            guard bits.count == 2 * count else { return nil }
            let all = Array(bits)
            var signs: [Int8] = []
            for index in 0..<count {
                guard !(all[index] && all[count + index]) else { return nil }
                signs.append(all[index] ? 1 : all[count + index] ? -1 : 0)
            }
            return signs.count { $0 != 0 } == nonzeros ? signs : nil
        }
    }
}
