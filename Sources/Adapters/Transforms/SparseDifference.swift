import Backbones
import Files
import Foundation
import JSON
import Networks
import Torch

/// The few scalars of a checkpoint that differ in another one, as indices and values: a skill that can be carried from
/// one copy of the base to the next.
///
/// The file is safetensors. For each tensor that changes: `<name>.indices` (int64, row-major places in rising order) and
/// `<name>.values` (in the base's type). A tensor that the base lacks, or that is taken whole, is `<name>.whole`. Metadata:
/// `difference.version`, `difference.base` (digest of the changed tensors before) and `difference.config`, the
/// `config.json` of the result.
public struct SparseDifference {
    /// Scalars of one tensor.
    public struct Entries {
        /// Row-major places, rising.
        public let indices: [Int64]
        /// Their values, [count].
        public let values: Tensor

        /// Pairs places and values.
        public init(indices: [Int64], values: Tensor) {
            (self.indices, self.values) = (indices, values)
        }
    }

    /// Scalars by the tensor's name in the base's files.
    public var entries: [String: Entries]
    /// Tensors that are taken whole.
    public var whole: [String: Tensor]
    /// The result's `config.json`.
    public var config: JSON

    /// Collects a difference.
    public init(entries: [String: Entries], whole: [String: Tensor], config: JSON) {
        (self.entries, self.whole, self.config) = (entries, whole, config)
    }

    private static let (indices, values, wholeSuffix) = (".indices", ".values", ".whole")
    private static let version = "1"

    /// Writes the file.
    ///
    /// - Parameter base: the checkpoint that the difference is to, for its digest.
    public func write(to url: URL, base: URL) throws {
        let files = try CheckpointFiles(folder: base)
        var tensors: [(String, Tensor)] = whole.map { ($0.key + Self.wholeSuffix, $0.value) }
        for (name, entry) in entries {
            tensors.append((name + Self.indices, try Tensor(entry.indices)))
            tensors.append((name + Self.values, entry.values))
        }
        try SafetensorsWriter.write(
            tensors,
            metadata: [
                "difference.version": Self.version, "difference.config": config.serialized(),
                "difference.base": try Self.digest(entries.keys.sorted(), in: files),
            ], to: url)
    }

    /// Reads and checks a file.
    ///
    /// - Throws: `DifferenceError`.
    public init(contentsOf url: URL, base: URL) throws {
        let (file, files) = (try SafetensorsFile(url), try CheckpointFiles(folder: base))
        func damaged(_ problem: String) -> DifferenceError { .damaged(file: url.path, problem: problem) }
        guard file.metadata["difference.version"] == Self.version, let text = file.metadata["difference.config"],
            let expected = file.metadata["difference.base"]
        else { throw damaged("it is not a sparse difference of version \(Self.version)") }
        config = try JSON.parse(text)
        (entries, whole) = ([:], [:])
        for name in file.names {
            if name.hasSuffix(Self.wholeSuffix) {
                whole[String(name.dropLast(Self.wholeSuffix.count))] = try file.tensor(name)
            } else if name.hasSuffix(Self.indices) {
                let tensor = String(name.dropLast(Self.indices.count))
                let (places, values) = (try file.tensor(name), try file.tensor(tensor + Self.values))
                let entry = try files.entry(tensor)
                let count = entry.shape.reduce(1, *)
                guard try places.dtype == .int64, try places.rank == 1, try values.shape == places.shape,
                    try values.dtype == entry.dtype.tensorType
                else { throw damaged("indices and values of \(quoted(tensor)) do not fit the checkpoint's tensor") }
                let indices: [Int64] = try places.array()
                guard zip(indices, indices.dropFirst()).allSatisfy({ $0 < $1 }), indices.first ?? 0 >= 0,
                    indices.last ?? -1 < Int64(count)
                else { throw damaged("indices of \(quoted(tensor)) are not rising places of \(count) scalars") }
                entries[tensor] = Entries(indices: indices, values: values)
            } else if !name.hasSuffix(Self.values) {
                throw damaged("it holds \(quoted(name)), which is not part of a sparse difference")
            }
        }
        let found = try Self.digest(entries.keys.sorted(), in: files)
        guard found == expected else {
            throw DifferenceError.otherBase(file: url.path, expected: expected, found: found)
        }
    }

    /// Writes the checkpoint that base and difference make, its other files copied from the base.
    ///
    /// - Parameter output: a folder that does not exist, or is empty.
    public func apply(to base: URL, writing output: URL) throws {
        let files = try CheckpointFiles(folder: base)
        try NewFolder.make(output, apartFrom: [base], within: base) { folder in
            // One file, whatever the base's shards were: names and types stay.
            var items: [SafetensorsWriter.Item] = []
            for name in files.names where whole[name] == nil {
                let entry = try files.entry(name)
                guard let type = entry.dtype.tensorType else {
                    throw SafetensorsError.unsupported(
                        file: try files.file(of: name).path, name: name, dtype: entry.dtype)
                }
                items.append(.init(name: name, dtype: type, shape: entry.shape))
            }
            for (name, tensor) in whole {
                items.append(.init(name: name, dtype: try tensor.dtype, shape: try tensor.shape))
            }
            let writer = try SafetensorsWriter(items, metadata: ["format": "pt"])
            try writer.write(to: folder.appendingPathComponent("model.safetensors")) { item in
                try whole[item.name] ?? changed(files.tensor(item.name), item.name)
            }
            try AtomicFile.write(config.serializedBytes(.pretty), to: folder.appendingPathComponent("config.json"))
            try CompanionFiles.copy(from: base, to: folder)
        }
    }

    private func changed(_ tensor: Tensor, _ name: String) throws -> Tensor {
        guard let entry = entries[name], !entry.indices.isEmpty else { return tensor }
        return try tensor.reshape([-1]).scatter(0, Tensor(entry.indices), entry.values).reshape(tensor.shape)
    }

    private static func digest(_ names: [String], in files: CheckpointFiles) throws -> String {
        var digest = Digest()
        for name in names {
            let entry = try files.entry(name)
            digest.update(name)
            digest.update(entry.dtype.rawValue)
            for size in entry.shape { digest.update(size) }
            try SafetensorsFile(files.file(of: name)).withBytes(of: name) { digest.update($0) }
        }
        return digest.finalize()
    }
}

/// What can be wrong with a sparse difference.
public enum DifferenceError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A file that contradicts itself or the checkpoint.
    case damaged(file: String, problem: String)
    /// A difference that was made for other weights.
    case otherBase(file: String, expected: String, found: String)

    /// One sentence: what is wrong and what to do.
    public var description: String {
        switch self {
        case .damaged(let file, let problem): "\(file) is damaged: \(problem)"
        case .otherBase(let file, let expected, let found):
            "\(file) belongs to weights with the digest \(expected), this checkpoint's have \(found): name the checkpoint "
                + "that the skill was located on"
        }
    }
}
