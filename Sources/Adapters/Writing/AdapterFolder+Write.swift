import Files
import Foundation
import JSON
import Methods
import Networks
import Torch

extension AdapterFolder {
    /// Writes an adapter so that Python's peft 0.21 reads it. Each of the two files is written whole or not at all, the
    /// configuration last.
    ///
    /// - Parameters:
    ///   - folder: made where it is missing.
    ///   - form: see `AdapterForm`.
    ///   - provenance: goes into the file's metadata, with the method and, where `checkpoint` is given, the base's digest.
    ///   - checkpoint: the folder that the model was loaded from.
    ///   - taskType: peft's name of the task (`CAUSAL_LM`, `SEQ_CLS`, `TOKEN_CLS`), which decides the class it loads.
    ///   - baseModelPath: where Python finds the base.
    /// - Returns: what a reader of the files should know, one sentence each.
    /// - Throws: `AdapterError.unwritable` for what the format cannot hold, `FileError` where a file cannot be written.
    @discardableResult
    public static func write(
        _ method: any Method, _ grafts: GraftSet, of model: Model, to folder: URL, form: AdapterForm = .portable,
        provenance: AdapterProvenance = AdapterProvenance(), checkpoint: URL? = nil, taskType: String? = nil,
        baseModelPath: String? = nil
    ) throws -> [String] {
        guard let lora = method as? LoRA else {
            throw AdapterError.unwritable("\(type(of: method).card.name) has no form in peft's format")
        }
        let export = try LoRAExport(lora, grafts, on: model, form: form)
        let saved = try savedTensors(grafts, of: model, method: lora)
        let config = try AdapterConfig.json(
            export.method, taskType: taskType, baseModel: baseModelPath,
            isTransposed: export.modules.contains { model.projections[$0.path]?.isTransposed ?? false },
            keepsTies: saved.keepsTies)

        var provenance = provenance
        provenance.method = type(of: method).card.name
        provenance.options = try provenance.options ?? JSON(encoding: lora)
        if provenance.seed != nil { provenance.randomAlgorithm = RandomKey.algorithm }
        if let checkpoint { provenance.baseDigest = try BaseDigest.compute(grafts, on: model, checkpoint: checkpoint) }

        let tensors = try export.modules.flatMap { try $0.tensors() } + saved.tensors
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try SafetensorsWriter.write(
            tensors.map { ("base_model.model." + $0.name, $0.tensor) },
            metadata: provenance.metadata.merging(["format": "pt"]) { own, _ in own },
            to: folder.appendingPathComponent(weightsName))
        try AtomicFile.write(
            config.serializedBytes(.configuration), to: folder.appendingPathComponent(AdapterConfig.fileName))
        return export.notes
    }

    /// The whole parameters of an adapter by their names in the file, and whether one of them is shared.
    private static func savedTensors(
        _ grafts: GraftSet, of model: Model, method: LoRA
    ) throws -> (tensors: [(name: String, tensor: Tensor)], keepsTies: Bool) {
        var tensors: [(name: String, tensor: Tensor)] = []
        var keepsTies = false
        for (name, variable) in grafts.parameters {
            guard let parameter = model.parameters[name] else { continue }
            let sites = model.sites(of: parameter)
            keepsTies = keepsTies || sites.count > 1
            // Where a module has a graft, peft keeps the module itself one level below.
            let adapted = grafts.projections.first { path, graft in
                graft is LoRAGraft && model.projections[path]?.bias === parameter
            }
            let plain = Set([name] + sites.map { "\($0.path).weight" }).sorted()
            try requireOption(naming: plain, method)
            let value = try variable.value.detach()
            for name in adapted.map({ ["\($0.key).base_layer.bias"] }) ?? plain { tensors.append((name, value)) }
        }
        for case let saved as SavedProjection in grafts.projections.values {
            tensors.append((saved.weight.name, try saved.weight.value.detach()))
        }
        return (tensors, keepsTies)
    }

    /// Python's peft takes a whole parameter only where the configuration names it.
    /// - Parameter names: the parameter's names; a shared weight has several.
    private static func requireOption(naming names: [String], _ method: LoRA) throws {
        let isNamed = names.contains { name in
            if method.bias != .none, name.hasSuffix("bias") { return true }
            let modules = name.split(separator: ".").dropLast()
            let ancestors = modules.indices.map { modules[...$0].joined(separator: ".") }
            return method.modulesToSave.contains { saved in ancestors.contains { $0.hasSuffix(saved) } }
        }
        guard isNamed else {
            throw AdapterError.unwritable(
                "the adapter holds \(quoted(names[0])) whole, but neither bias nor modules_to_save names it")
        }
    }
}

extension Projection {
    fileprivate var isTransposed: Bool {
        if case .transposedLinear = kind { true } else { false }
    }
}
