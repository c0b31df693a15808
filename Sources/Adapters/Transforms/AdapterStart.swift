import Backbones
import Foundation
import JSON
import Methods
import Networks
import Torch

/// The tensors that an adapter's training started from, as its file would have held them then.
///
/// Every draw of a start is a function of the run's seed, so that the start need not be kept: the method grafts onto the
/// base again with the recorded seed, and the result is written and read like any adapter.
enum AdapterStart {
    /// Makes the start again.
    ///
    /// - Parameters:
    ///   - shapes: the adapter's tensors, which tell the rows of a head.
    ///   - base: the checkpoint that it was trained on.
    /// - Throws: `CompressionError` where the adapter does not say how it started.
    static func tensors(
        of config: AdapterConfig, _ provenance: AdapterProvenance, shapes: [(name: String, shape: [Int])], base: URL
    ) throws -> [String: Tensor] {
        guard let seed = provenance.seed, case .object(var options)? = provenance.options else {
            throw CompressionError.noSeed(adapter: "the adapter")
        }
        if options["name"] == nil { options["name"] = provenance.method.map(JSON.string) }
        if let found = provenance.randomAlgorithm, found != RandomKey.algorithm {
            throw CompressionError.otherAlgorithm(found: found, expected: RandomKey.algorithm)
        }
        let method = try MethodConfiguration(JSON.Node(.object(options), source: "graft.options")).method
        let head = try AdapterFolder.head(of: config, shapes: shapes, for: ModelConfig(folder: base))
        let loaded = try Backbones.load(base, head: head, options: .init(seed: seed))
        let grafts = try method.grafts(for: loaded.model, key: AdapterProvenance.methodKey(seed: seed))
        try loaded.model.add(grafts, named: "start")
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("graft-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try AdapterFolder.write(
            method, grafts, of: loaded.model, to: folder, provenance: provenance, taskType: config.taskType)
        let file = try SafetensorsFile(folder.appendingPathComponent(AdapterFolder.weightsName))
        let pairs = try file.names.map { ($0, try file.tensor($0).clone()) }
        return Dictionary(pairs, uniquingKeysWith: { first, _ in first })
    }
}
