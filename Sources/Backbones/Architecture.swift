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

    /// Every family, in the order `graft doctor` lists them.
    static let all: [Architecture] = [bert, gpt2, llama, mistral, qwen2, qwen3, gemma, gemma2, gemma3, phi3]
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
    /// - Parameter head: what to put on the backbone; nil for what the configuration names.
    /// - Throws: `NetworkError` when the configuration or the tensors do not fit.
    public static func load(
        _ folder: URL, head: Head? = nil, options: NetworkBuilder.Options = .init()
    ) throws -> LoadedModel {
        let config = try ModelConfig(folder: folder)
        let architecture = try architecture(of: config)
        let weights = try CheckpointWeights(folder: folder, naming: architecture.naming)
        let loaded = try make(config, head: head, weights: weights, architecture: architecture, options: options)
        let unexpected = loaded.builder.untaken.filter { !architecture.naming.isIgnorable($0) }
        guard unexpected.isEmpty else {
            throw NetworkError.unexpectedTensors(names: unexpected.map(weights.fileName), source: folder.path)
        }
        return loaded.model
    }

    /// A network of the given configuration with random weights.
    public static func random(_ config: ModelConfig, head: Head? = nil, options: NetworkBuilder.Options) throws
        -> LoadedModel
    {
        var options = options
        options.drawsMissing = true
        return try make(
            config, head: head, weights: RandomWeights(), architecture: try architecture(of: config), options: options
        ).model
    }

    /// The head that the configuration names.
    public static func declaredHead(_ config: ModelConfig) throws -> Head {
        guard let name = try config.architecture else { return .features }
        if try config.modelType == nil {
            return .imageClassification(labels: try config.int("num_classes", default: 1000))
        }
        return try Head(architecture: name, config: config)
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
                "config.json: model_type `\(type)` is not supported yet\(nearest); supported: "
                    + modelTypes.joined(separator: ", "))
        }
        return found
    }
}
