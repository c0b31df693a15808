import Backbones
import Files
import Foundation
import Methods
import Networks
import Torch

/// An adapter that was read from its folder.
public struct LoadedAdapter {
    /// The folder that held it.
    public let folder: URL
    /// What its configuration says.
    public let config: AdapterConfig
    /// The method with its options.
    public let method: any Methods.Method
    /// Its grafts with their tensors.
    public let grafts: GraftSet
    /// Where it comes from, as far as it says so.
    public let provenance: AdapterProvenance
}

/// What an adapter's folder says about itself, read without a model and without its tensors' data.
public struct AdapterSummary: Sendable {
    /// The folder that holds it.
    public let folder: URL
    /// What its configuration says.
    public let config: AdapterConfig
    /// Where it comes from, as far as it says so.
    public let provenance: AdapterProvenance
    /// Its tensors, by their names in the file.
    public let tensors: [SafetensorsHeader.Entry]
}

/// Adapters on disk: `adapter_config.json` and `adapter_model.safetensors`, in the format of Hugging Face peft 0.21 for
/// the methods that it has, in Graft's own for the others.
///
/// ```swift
/// let base = try Backbones.load(checkpoint)
/// let adapter = try AdapterFolder.load(from: folder, onto: base, named: "mine", checkpoint: checkpoint)
/// ```
public enum AdapterFolder {
    /// The file of the tensors.
    public static let weightsName = "adapter_model.safetensors"

    /// The folder that holds an adapter's configuration: the given one, or the only one below it that does (Python's
    /// peft keeps an adapter with a name of its own in a folder of that name).
    ///
    /// - Throws: `AdapterError.noAdapter`.
    public static func locate(_ folder: URL) throws -> URL {
        func hasConfig(_ folder: URL) -> Bool {
            FileManager.default.fileExists(atPath: folder.appendingPathComponent(AdapterConfig.fileName).path)
        }
        if hasConfig(folder) { return folder }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        let below = names.sorted().filter { hasConfig(folder.appendingPathComponent($0)) }
        guard below.count == 1, let name = below.first else {
            throw AdapterError.noAdapter(folder: folder.path, found: below)
        }
        try Containment.require(folder.appendingPathComponent(name), in: folder)
        return folder.appendingPathComponent(name)
    }

    /// Describes the adapter in a folder.
    ///
    /// - Throws: `AdapterError`, and what reading the files throws.
    public static func summary(of folder: URL) throws -> AdapterSummary {
        let folder = try locate(folder)
        let (config, file) = (try AdapterConfig(folder: folder), try weights(in: folder))
        return AdapterSummary(
            folder: folder, config: config, provenance: try AdapterProvenance(metadata: file.metadata),
            tensors: file.entries)
    }

    /// The tensors of an adapter's folder.
    ///
    /// - Throws: `AdapterError` where there are none, and what reading the file throws.
    static func weights(in folder: URL) throws -> SafetensorsFile {
        let url = folder.appendingPathComponent(weightsName)
        if FileManager.default.fileExists(atPath: url.path) {
            try Containment.require(url, in: folder)
            return try SafetensorsFile(url)
        }
        let pickle = "adapter_model.bin"
        if FileManager.default.fileExists(atPath: folder.appendingPathComponent(pickle).path) {
            throw AdapterError.pickleOnly(folder: folder.path, file: pickle)
        }
        throw AdapterError.noWeights(folder: folder.path)
    }

    /// Reads an adapter for a model without putting it on.
    ///
    /// Every tensor of the file must have a place, and every place must get its tensor. PiSSA, OLoRA and LoftQ adapters
    /// that were saved as they were trained belong to a residual of the base, which is computed again.
    /// - Parameters:
    ///   - spelling: how files of the model's family name modules.
    ///   - checkpoint: the folder that the model was loaded from, to hold its weights against the adapter's record.
    ///   - allowsOtherBase: reads the adapter although it was made for other weights.
    /// - Throws: `AdapterError`, and `MethodError` for options that mean nothing on this model.
    public static func read(
        from folder: URL, for model: Model, spelling: ModuleSpelling = ModuleSpelling(), checkpoint: URL? = nil,
        allowsOtherBase: Bool = false
    ) throws -> LoadedAdapter {
        let folder = try locate(folder)
        let config = try AdapterConfig(folder: folder)
        let file = try weights(in: folder)
        let provenance = try AdapterProvenance(metadata: file.metadata)
        let grafts = try AdapterReader(
            file: file, config: config, provenance: provenance, model: model, spelling: spelling
        ).grafts()
        if let checkpoint, let expected = provenance.baseDigest, !allowsOtherBase {
            let found = try BaseDigest.compute(grafts, on: model, checkpoint: checkpoint) ?? "none"
            guard found == expected else {
                throw AdapterError.otherBase(folder: folder.path, expected: expected, found: found)
            }
        }
        return LoadedAdapter(
            folder: folder, config: config, method: config.method, grafts: grafts, provenance: provenance)
    }

    /// Reads an adapter and puts it on a model under a name.
    @discardableResult
    public static func load(
        from folder: URL, onto model: Model, named name: String = "default",
        spelling: ModuleSpelling = ModuleSpelling(), checkpoint: URL? = nil, allowsOtherBase: Bool = false
    ) throws -> LoadedAdapter {
        let adapter = try read(
            from: folder, for: model, spelling: spelling, checkpoint: checkpoint, allowsOtherBase: allowsOtherBase)
        try model.add(adapter.grafts, named: name)
        return adapter
    }

    /// Reads an adapter and puts it on a checkpoint's model, whose family tells how files spell its modules.
    @discardableResult
    public static func load(
        from folder: URL, onto loaded: LoadedModel, named name: String = "default", checkpoint: URL? = nil,
        allowsOtherBase: Bool = false
    ) throws -> LoadedAdapter {
        try load(
            from: folder, onto: loaded.model, named: name, spelling: ModuleSpelling(loaded.config),
            checkpoint: checkpoint, allowsOtherBase: allowsOtherBase)
    }
}
