import Backbones
import Foundation

extension AdapterFolder {
    /// The head that a checkpoint needs for an adapter; nil for the one that its configuration names.
    ///
    /// The adapter's task says which kind, and the head's rows in its file how many classes.
    public static func head(of folder: URL, for config: ModelConfig) throws -> Head? {
        let folder = try locate(folder)
        let shapes = try weights(in: folder).entries.map { ($0.name, $0.shape) }
        return try head(of: AdapterConfig(folder: folder), shapes: shapes, for: config)
    }

    /// The head for an adapter whose tensors have these names and shapes.
    static func head(
        of adapter: AdapterConfig, shapes: [(name: String, shape: [Int])], for config: ModelConfig
    ) throws -> Head? {
        let rows = shapes.first { entry in headWeights.contains { ("." + entry.name).hasSuffix($0) } }?.shape.first
        let declared = try Backbones.declaredHead(config)
        switch (adapter.taskType, declared) {
        case ("SEQ_CLS", .sequenceClassification(let labels)):
            return .sequenceClassification(labels: rows ?? labels)
        case ("SEQ_CLS", _): return .sequenceClassification(labels: rows ?? 2)
        case ("TOKEN_CLS", .tokenClassification(let labels)): return .tokenClassification(labels: rows ?? labels)
        case ("TOKEN_CLS", _): return .tokenClassification(labels: rows ?? 2)
        case ("CAUSAL_LM", _): return .causalLM
        case ("SEQ_2_SEQ_LM", _): return .conditionalGeneration
        case (_, .imageClassification): return rows.map { .imageClassification(labels: $0) }
        case (_, .features) where try Backbones.imageFormat(config) != nil:
            return rows.map { .imageClassification(labels: $0) }
        default: return nil
        }
    }

    /// The last weights of the families' classifiers; none of a graft ends so.
    private static let headWeights = [
        ".classifier.weight", ".classifier.modules_to_save.weight", ".classifier.out_proj.weight", ".score.weight",
        ".model.head.weight", ".classification_head.out_proj.weight",
    ]
}
