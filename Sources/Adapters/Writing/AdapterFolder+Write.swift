import Files
import Foundation
import JSON
import Methods
import Networks
import Torch

extension AdapterFolder {
    /// Writes an adapter: so that Python's peft 0.21 reads it where that has the method, in Graft's own form otherwise.
    /// Each of the two files is written whole or not at all, the configuration last.
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
        _ method: any Methods.Method, _ grafts: GraftSet, of model: Model, to folder: URL,
        form: AdapterForm = .portable, provenance: AdapterProvenance = AdapterProvenance(), checkpoint: URL? = nil,
        taskType: String? = nil, baseModelPath: String? = nil
    ) throws -> [String] {
        var provenance = provenance
        let grafts = try grafts.withoutUntouched(of: model)
        provenance.method = type(of: method).card.name
        provenance.options = try provenance.options ?? MethodConfiguration(method).json
        if provenance.seed != nil { provenance.randomAlgorithm = RandomKey.algorithm }

        let files: Files
        if let method = method as? any WritesPeft {
            files = try peft(method, grafts, of: model, form, taskType: taskType, baseModel: baseModelPath)
        } else {
            files = try native(
                method, grafts, hasSeed: provenance.seed != nil, taskType: taskType, baseModel: baseModelPath)
        }
        if let checkpoint { provenance.baseDigest = try BaseDigest.compute(grafts, on: model, checkpoint: checkpoint) }
        try write(files, provenance, to: folder)
        return files.notes
    }

    /// Writes an adapter so that Python's peft reads it, whatever the form of the method's own files. Where that is
    /// another method's, the file names that method, and neither options nor seed of the one that trained it.
    ///
    /// - Parameters: as for `write`.
    /// - Returns: what a reader of the files should know, one sentence each.
    /// - Throws: `AdapterError.unwritable` for what peft has no form for, `FileError` where a file cannot be written.
    @discardableResult
    public static func export(
        _ adapter: LoadedAdapter, of model: Model, to folder: URL, form: AdapterForm = .portable,
        checkpoint: URL? = nil, taskType: String? = nil, baseModelPath: String? = nil
    ) throws -> [String] {
        let name = type(of: adapter.method).card.name
        guard let method = adapter.method as? any ExportsPeft else {
            throw AdapterError.unwritable(
                "peft has no form for the adapters of \(name): merge it into the model instead")
        }
        guard !(method is any WritesPeft) else {
            return try write(
                method, adapter.grafts, of: model, to: folder, form: form, provenance: adapter.provenance,
                checkpoint: checkpoint, taskType: taskType, baseModelPath: baseModelPath)
        }
        let grafts = try adapter.grafts.withoutUntouched(of: model)
        let files = try peft(method, grafts, of: model, form, taskType: taskType, baseModel: baseModelPath)
        var provenance = adapter.provenance
        provenance.method = files.method
        (provenance.options, provenance.seed, provenance.randomAlgorithm) = (nil, nil, nil)
        if let checkpoint { provenance.baseDigest = try BaseDigest.compute(grafts, on: model, checkpoint: checkpoint) }
        try write(files, provenance, to: folder)
        return files.notes
    }

    private static func write(_ files: Files, _ provenance: AdapterProvenance, to folder: URL) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try SafetensorsWriter.write(
            files.tensors, metadata: provenance.metadata.merging(["format": "pt"]) { own, _ in own },
            to: folder.appendingPathComponent(weightsName))
        try AtomicFile.write(
            files.config.serializedBytes(.configuration), to: folder.appendingPathComponent(AdapterConfig.fileName))
    }

    /// What goes into the two files.
    private struct Files {
        var config: JSON
        var tensors: [(name: String, tensor: Tensor)]
        var notes: [String] = []
        /// The method that the files name.
        var method: String
    }

    /// Every variable under its own name; what is drawn from the seed only where the seed is not known.
    private static func native(
        _ method: any Methods.Method, _ grafts: GraftSet, hasSeed: Bool, taskType: String?, baseModel: String?
    ) throws -> Files {
        let variables = grafts.variables.filter { $0.isStored || ($0.role == .seeded && !hasSeed) }
        var seen: Set<String> = []
        for variable in variables where !seen.insert(variable.name).inserted {
            throw AdapterError.unwritable("two tensors of the adapter have the name \(quoted(variable.name))")
        }
        return Files(
            config: try AdapterConfig.graft(method, taskType: taskType, baseModel: baseModel),
            tensors: try variables.flatMap(parts), method: type(of: method).card.name)
    }

    /// The tensors that the file holds of a variable.
    private static func parts(_ variable: Variable) throws -> [(name: String, tensor: Tensor)] {
        guard let packing = variable.packing else { return [(variable.name, try variable.value.detach())] }
        let names = try packing.parts(of: variable.value.shape).map { "\(variable.name).\($0.name)" }
        return Array(zip(names, try packing.packed(variable.value.detach()))).map { (name: $0, tensor: $1) }
    }

    private static func peft(
        _ method: any ExportsPeft, _ grafts: GraftSet, of model: Model, _ form: AdapterForm, taskType: String?,
        baseModel: String?
    ) throws -> Files {
        do {
            let export = try method.peftExport(grafts, on: model, form: form)
            let format = type(of: export.method).peft
            let saved = try savedTensors(
                grafts, of: model, besides: Set(export.tensors.map(\.name)), method: export.method)
            let sites = grafts.projections.keys.compactMap { model.projections[$0] }
            let place = PeftPlace(
                model: model, grafts: grafts, isTransposed: sites.contains(where: \.isTransposed),
                keepsTies: saved.keepsTies)
            let tensors = try export.tensors.map { (name: try format.fileName(of: $0.name), tensor: $0.tensor) }
            return Files(
                config: try AdapterConfig.peft(export.method, place, taskType: taskType, baseModel: baseModel),
                tensors: tensors + saved.tensors.map { (name: format.prefix + $0.name, tensor: $0.tensor) },
                notes: export.notes, method: type(of: export.method).card.name)
        } catch MethodError.unwritable(let text) {
            throw AdapterError.unwritable(text)
        }
    }

    /// The whole parameters of an adapter by their names in the file, and whether one of them is shared.
    /// - Parameter written: names of variables that are written already.
    private static func savedTensors(
        _ grafts: GraftSet, of model: Model, besides written: Set<String>, method: any PeftMethod
    ) throws -> (tensors: [(name: String, tensor: Tensor)], keepsTies: Bool) {
        var tensors: [(name: String, tensor: Tensor)] = []
        var keepsTies = false
        for (name, variable) in grafts.parameters where !written.contains(name) {
            guard let parameter = model.parameters[name] else { continue }
            let sites = model.sites(of: parameter)
            keepsTies = keepsTies || sites.count > 1
            // Where a module has a graft, peft keeps the module itself one level below.
            let adapted = grafts.projections.first { path, graft in
                !(graft is SavedProjection) && model.projections[path]?.bias === parameter
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
    private static func requireOption(naming names: [String], _ method: any PeftMethod) throws {
        let isNamed = names.contains { name in
            if method.trainsBiases, name.hasSuffix("bias") { return true }
            let modules = name.split(separator: ".").dropLast()
            let ancestors = modules.indices.map { modules[...$0].joined(separator: ".") }
            return method.modulesToSave.contains { saved in ancestors.contains { $0.hasSuffix(saved) } }
        }
        guard isNamed else {
            throw AdapterError.unwritable(
                "the adapter holds \(quoted(names[0])) whole, but no option of the method names it")
        }
    }
}

extension Projection {
    fileprivate var isTransposed: Bool {
        if case .transposedLinear = kind { true } else { false }
    }
}
