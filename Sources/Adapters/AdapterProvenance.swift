import JSON
import Torch

/// Where an adapter comes from: what Graft writes into the `__metadata__` of its safetensors file, under `graft.*` keys.
/// Other programs ignore it; adapters from other programs have none of it.
public struct AdapterProvenance: Sendable, Equatable {
    /// The method's name.
    public var method: String?
    /// The method's options.
    public var options: JSON?
    /// The seed of the run; with `randomAlgorithm`, every random draw of the method can be made again.
    public var seed: Int?
    /// `RandomKey.algorithm` of the program that drew.
    public var randomAlgorithm: String?
    /// Digest of the base tensors that the adapter touches: see `BaseDigest`.
    public var baseDigest: String?
    /// Digest of the tokenizer's file.
    public var tokenizerDigest: String?
    /// Digest of the training data.
    public var dataDigest: String?
    /// Digest of the run's resolved configuration.
    public var configurationDigest: String?
    /// Names of the classes in the order of the head's rows.
    public var labels: [String]?
    /// Version of Graft.
    public var version: String?

    /// Nothing known.
    public init() {}

    /// The root of the random draws of a method in a run with this seed. A start that is drawn at random and needed
    /// again on loading (`pissa_niter_n`) is drawn from it.
    public static func methodKey(seed: Int) -> RandomKey {
        RandomKey(seed: seed).derived("method")
    }
}

extension AdapterProvenance {
    private static let prefix = "graft."

    /// Reads the metadata of a safetensors file.
    ///
    /// - Throws: `AdapterError.option` for a value that Graft would not have written.
    public init(metadata: [String: String]) throws {
        func text(_ key: String) -> String? { metadata[Self.prefix + key] }
        func json(_ key: String) throws -> JSON.Node? {
            try text(key).map { JSON.Node(try JSON.parse($0), source: Self.prefix + key) }
        }
        do {
            method = text("method")
            options = try json("options")?.value
            seed = try json("seed")?.int()
            randomAlgorithm = text("random_algorithm")
            baseDigest = text("base_digest")
            tokenizerDigest = text("tokenizer_digest")
            dataDigest = text("data_digest")
            configurationDigest = text("config_digest")
            labels = try json("labels")?.strings()
            version = text("version")
        } catch let error as JSONError {
            throw AdapterError.option(file: AdapterFolder.weightsName, problem: "damaged metadata: \(error)")
        }
    }

    /// The metadata of a safetensors file.
    public var metadata: [String: String] {
        let values: [(key: String, value: String?)] = [
            ("method", method), ("options", options?.serialized()), ("seed", seed.map(String.init)),
            ("random_algorithm", randomAlgorithm), ("base_digest", baseDigest), ("tokenizer_digest", tokenizerDigest),
            ("data_digest", dataDigest), ("config_digest", configurationDigest),
            ("labels", labels.map { JSON.array($0.map(JSON.string)).serialized() }), ("version", version),
        ]
        let present = values.compactMap { key, value in value.map { (Self.prefix + key, $0) } }
        return Dictionary(present, uniquingKeysWith: { first, _ in first })
    }
}
