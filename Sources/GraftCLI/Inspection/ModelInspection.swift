import Backbones
import Foundation
import JSON
import Methods
import Networks
import Reporting
import Torch

/// Explains a checkpoint folder: its configuration, the headers of its weights, and the modules a method may target.
enum ModelInspection {
    static func sections(_ folder: URL) throws -> [Section] {
        let config = try ModelConfig(folder: folder)
        var section = Section("Model \(folder.path)")
        try describe(config, in: &section)
        section.add("tokenizer", tokenizer(folder))
        do {
            let files = try CheckpointFiles(folder: folder)
            let types = try StoredTypes(files)
            let stored = types.parameters
            section.add("parameters", "\(Quantity.count(stored)) (\(Quantity.shortCount(stored)))")
            section.add("stored as", types.summary)
            let count = files.files.count
            section.add("size", Quantity.bytes(files.totalBytes) + (count > 1 ? " in \(count) files" : ""))
        } catch {
            section.notes.append("weights: \(error)")
            return [section]
        }
        do {
            let model = try UnreadModel(folder: folder).loaded
            section.add(
                "head",
                "\(model.head.label)\(model.newParameters.isEmpty ? "" : ", not in the checkpoint: starts at random")")
            return [section, try modules(model.model)]
        } catch {
            section.notes.append("it cannot be loaded: \(error)")
            return [section]
        }
    }

    private static func describe(_ config: ModelConfig, in section: inout Section) throws {
        let fields = JSON.Node(config.json, source: "config.json")
        func number(_ keys: String...) throws -> String? {
            for key in keys {
                if case .int(let value)? = try fields.optional(key)?.value { return Quantity.count(Int(value)) }
            }
            return nil
        }
        section.add("family", try config.modelType)
        section.add("architecture", try config.architecture)
        section.add("layers", try number("num_hidden_layers", "n_layer"))
        section.add("hidden size", try number("hidden_size", "n_embd"))
        let heads = try number("num_attention_heads", "n_head")
        let keyHeads = try number("num_key_value_heads").flatMap { $0 == heads ? nil : ", \($0) of keys and values" }
        section.add("heads", heads.map { $0 + (keyHeads ?? "") })
        section.add("vocabulary", try config.vocabularySize.map(Quantity.count))
        section.add("positions", try config.positionLimit.map(Quantity.count))
        section.add("classes", try classes(config))
    }

    private static func classes(_ config: ModelConfig) throws -> String? {
        guard let names = try config.labelNames else { return nil }
        return "\(names.count): \(names.prefix(8).joined(separator: ", "))\(names.count > 8 ? ", …" : "")"
    }

    private static func tokenizer(_ folder: URL) -> String {
        let file = folder.appendingPathComponent("tokenizer.json")
        guard FileManager.default.fileExists(atPath: file.path) else { return "no tokenizer.json" }
        do {
            return try TokenizerInspection.summary(file)
        } catch {
            return "unreadable: \(error)"
        }
    }

    /// The modules that `target_modules` can name, and those that it means where it is not set.
    private static func modules(_ model: Model) throws -> Section {
        var section = Section("Modules for target_modules")
        var order: [String] = []
        var groups: [String: (kind: String, shapes: [String], count: Int)] = [:]
        for projection in model.projections.values {
            let end = projection.path.split(separator: ".").last.map(String.init) ?? projection.path
            if groups[end] == nil {
                order.append(end)
                groups[end] = (projection.kind.label, [], 0)
            }
            groups[end]?.count += 1
            let shape = "\(projection.inputSize) → \(projection.outputSize)"
            if groups[end]?.shapes.contains(shape) == false { groups[end]?.shapes.append(shape) }
        }
        section.table = Table(
            head: ["NAME", "COUNT", "KIND", "IN → OUT"],
            rows: order.compactMap { end in
                groups[end].map { [end, "\($0.count)", $0.kind, $0.shapes.prefix(4).joined(separator: ", ")] }
            },
            rightAligned: [1])
        section.notes = [defaultTargets(model)]
        return section
    }

    private static func defaultTargets(_ model: Model) -> String {
        do {
            let paths = try LoRA().grafts(for: model, key: RandomKey(seed: 0)).projections.keys
            var names: [String] = []
            for path in paths {
                let end = path.split(separator: ".").last.map(String.init) ?? path
                if !names.contains(end) { names.append(end) }
            }
            return "Default targets of lora: \(names.joined(separator: ", ")) (\(paths.count) modules)."
        } catch {
            return "Default targets of lora: none; name target_modules."
        }
    }
}

extension Projection.Kind {
    fileprivate var label: String {
        switch self {
        case .linear: "linear"
        case .transposedLinear: "transposed linear"
        case .embedding: "embedding"
        case .convolution: "convolution"
        }
    }
}

extension Head {
    fileprivate var label: String {
        switch self {
        case .features: "none (last hidden state)"
        case .maskedLM: "masked language model"
        case .causalLM: "causal language model"
        case .conditionalGeneration: "conditional generation"
        case .sequenceClassification(let labels): "sequence classification, \(labels) classes"
        case .tokenClassification(let labels): "token classification, \(labels) classes"
        case .imageClassification(let labels): "image classification, \(labels) classes"
        }
    }
}
