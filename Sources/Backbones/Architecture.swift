import Foundation
import JSON
import Networks
import Support
import Torch

/// A family of networks: which configurations it reads, how its files name tensors, how it is built.
struct Architecture: Sendable {
    /// Values of `model_type` (or timm's architecture names) that it reads.
    var modelTypes: [String]
    /// How its files name tensors.
    var naming: Naming
    /// Builds the network with a head.
    var build: @Sendable (ModelConfig, Head, Scope) throws -> any Network
    /// The images that a configuration's network takes; nil for families that take none.
    var images: @Sendable (ModelConfig) throws -> ImageFormat? = { _ in nil }
    /// The head that a configuration names.
    var declaredHead: @Sendable (ModelConfig) throws -> Head = { config in
        try config.architecture.map { try Head(architecture: $0, config: config) } ?? .features
    }

    /// Every family, in the order `graft doctor` lists them.
    static let all: [Architecture] = [
        bart, bert, roberta, xlmRoberta, gpt2, llama, mistral, qwen2, qwen3, gemma, gemma2, gemma3, phi3, vit, vitTimm,
    ]
}

/// A checkpoint loaded as a model, with what a caller needs to know of it.
public struct LoadedModel {
    /// The network with its parameters and sites.
    public let model: Model
    /// The checkpoint's configuration.
    public let config: ModelConfig
    /// The head it was given.
    public let head: Head
    /// Parameters that the checkpoint lacks and that start at random: a new task's head.
    public let newParameters: [String]
}

/// Loads Hugging Face checkpoints as networks.
public enum Backbones {
    /// All values of `model_type` that can be loaded.
    public static var modelTypes: [String] { Architecture.all.flatMap(\.modelTypes) }

    /// Loads a checkpoint folder.
    /// - Parameters:
    ///   - head: what to put on the backbone; nil for what the configuration names.
    ///   - padTokenID: the pad token of the data, where the configuration names none.
    /// - Throws: `NetworkError` when the configuration or the tensors do not fit.
    public static func load(
        _ folder: URL, head: Head? = nil, options: NetworkBuilder.Options = .init(), padTokenID: Int? = nil
    ) throws -> LoadedModel {
        let config = try ModelConfig(folder: folder).padding(with: padTokenID)
        let architecture = try architecture(of: config)
        let weights = try CheckpointWeights(folder: folder, naming: architecture.naming)
        let loaded = try make(config, head: head, weights: weights, architecture: architecture, options: options)
        let unexpected = loaded.builder.untaken.filter { !architecture.naming.isIgnorable($0) }
        guard unexpected.isEmpty else {
            throw NetworkError.unexpectedTensors(names: unexpected.map(weights.fileName), source: folder.path)
        }
        // A file that was written into meanwhile may have given half of one version and half of another.
        try weights.requireUnchanged()
        return loaded.model
    }

    /// A network of the given configuration with random weights: there is no checkpoint that any of them is new to.
    /// - Parameter padTokenID: the pad token of the data, where the configuration names none.
    public static func random(
        _ config: ModelConfig, head: Head? = nil, options: NetworkBuilder.Options, padTokenID: Int? = nil
    ) throws -> LoadedModel {
        let config = try config.padding(with: padTokenID)
        var options = options
        options.drawsMissing = true
        let architecture = try architecture(of: config)
        let weights = RandomWeights { architecture.naming.olderPath($0) }
        return try make(config, head: head, weights: weights, architecture: architecture, options: options).model
    }

    /// The head that the configuration names.
    public static func declaredHead(_ config: ModelConfig) throws -> Head {
        try architecture(of: config).declaredHead(config)
    }

    /// The images that the configuration's network takes; nil for a network that reads texts.
    public static func imageFormat(_ config: ModelConfig) throws -> ImageFormat? {
        try architecture(of: config).images(config)
    }

    /// The network's path for a module path in any spelling of the family, as the keys of adapters carry them:
    /// `vit.encoder.layer.0.attention.attention.query` and the bare backbone's `encoder.layer.0.attention.attention.query`
    /// are `vit.layers.0.attention.q_proj`. Paths of the network stay.
    public static func canonicalModulePath(_ path: String, for config: ModelConfig) throws -> String {
        try architecture(of: config).naming.canonicalPath(path)
    }

    /// The ends of the network's paths that a target name in any spelling of the family means: ViT's `query` is
    /// `q_proj`, its `dense` is `attention.o_proj`'s end and those of the two layers of the MLP. Names of the network stay.
    public static func canonicalTargetNames(_ name: String, for config: ModelConfig) throws -> [String] {
        try architecture(of: config).naming.canonicalEnds(name)
    }

    /// The older spelling of a path of the network, which checkpoint files use, and regular expressions of adapters
    /// may: the path itself in families whose modules were never renamed.
    public static func olderModulePath(_ path: String, for config: ModelConfig) throws -> String {
        try architecture(of: config).naming.olderPath(path)
    }

    private static func make(
        _ config: ModelConfig, head: Head?, weights: any WeightSource, architecture: Architecture,
        options: NetworkBuilder.Options
    ) throws -> (model: LoadedModel, builder: NetworkBuilder) {
        let head = try head ?? declaredHead(config)
        let builder = NetworkBuilder(source: weights, options: options)
        let network = try architecture.build(config, head, builder.root)
        let model = Model(network, builder)
        let new = model.parameters.values.filter(\.isNew).map(\.name)
        return (LoadedModel(model: model, config: config, head: head, newParameters: new), builder)
    }

    private static func architecture(of config: ModelConfig) throws -> Architecture {
        guard let type = try config.modelType ?? config.architecture else {
            throw NetworkError.unsupported("config.json names no model_type: which family it is cannot be known")
        }
        guard let found = Architecture.all.first(where: { $0.modelTypes.contains(type) }) else {
            let nearest = nearestMatch(to: type, in: modelTypes).map { "; the nearest is `\($0)`" } ?? ""
            throw NetworkError.unsupported(
                "config.json: model_type `\(type)` is not supported yet\(nearest); `graft doctor` lists what is")
        }
        return found
    }
}
