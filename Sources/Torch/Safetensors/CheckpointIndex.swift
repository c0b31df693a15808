import Files
import Foundation
import JSON

/// The contents of `model.safetensors.index.json`: which file of the folder holds which tensor.
struct CheckpointIndex {
    static let fileName = "model.safetensors.index.json"
    private static let maximumBytes = 32_000_000
    private static let maximumShards = 10_000

    /// The path that messages name.
    let path: String
    /// The shard of each tensor.
    let shards: [TensorName: String]
    /// All shards in the order of their names.
    let shardNames: [String]

    init(reading url: URL) throws {
        path = url.path
        var shards: [TensorName: String] = [:]
        for (name, value) in try Self.readMap(url) {
            guard case .string(let shard) = value else {
                throw CheckpointError.index(
                    file: path, problem: "the tensor \(quoted(name)) is mapped to \(value.kind) instead of a file name")
            }
            shards[TensorName(name)] = try Self.checked(shard, tensor: name, index: path)
        }
        self.shards = shards
        shardNames = Set(shards.values.map(TensorName.init)).sorted().map(\.text)
        guard !shards.isEmpty else { throw CheckpointError.index(file: path, problem: "its weight_map is empty") }
        guard shardNames.count <= Self.maximumShards else {
            throw CheckpointError.index(
                file: path, problem: "it names \(shardNames.count) files, more than \(Self.maximumShards)")
        }
    }

    private static func readMap(_ url: URL) throws -> JSON.Object {
        let file = try FileInput(url)
        guard file.size <= maximumBytes else {
            throw CheckpointError.index(
                file: file.path, problem: "it has \(file.size) bytes, more than the limit of \(maximumBytes)")
        }
        do {
            let root = JSON.Node(try JSON.parse(file.read(at: 0, count: file.size)))
            return try root.field("weight_map").object()
        } catch let error as JSONError {
            throw CheckpointError.index(file: file.path, problem: printable("\(error)"))
        }
    }

    /// The name of a shard, if it is that of a safetensors file in the index's own folder.
    private static func checked(_ shard: String, tensor: String, index: String) throws -> String {
        let isPlain = shard.unicodeScalars.allSatisfy { $0 != "/" && $0 != "\\" && $0.value >= 0x20 && $0 != "\u{7F}" }
        guard isPlain, shard.utf8.count <= 255 else {
            throw CheckpointError.index(
                file: index,
                problem: "the tensor \(quoted(tensor)) is mapped to \(quoted(shard)), which is not a plain file name")
        }
        guard shard.hasSuffix(".safetensors"), !shard.hasPrefix(".") else {
            throw CheckpointError.index(
                file: index,
                problem: "the tensor \(quoted(tensor)) is mapped to \(quoted(shard)), which is not a safetensors file")
        }
        return shard
    }
}
