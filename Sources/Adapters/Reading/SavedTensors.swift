import Methods
import Networks
import Torch

/// The tensors of a peft file that are not of a graft: whole parameters that the adapter brings, and copies of the base's.
///
/// A weight that several projections share may be brought for one of them alone, as Python's peft does unless told to
/// keep the tie; the others then keep the base's.
struct SavedTensors {
    private struct Entry {
        let key: String
        let module: String
        let isBaseCopy: Bool
    }

    let file: SafetensorsFile
    let model: Model
    let keepsTies: Bool
    private var entries: [String: [Entry]] = [:]

    init(file: SafetensorsFile, model: Model, keepsTies: Bool) {
        self.file = file
        self.model = model
        self.keepsTies = keepsTies
    }

    private var fileName: String { file.header.path }

    /// Notes a tensor; false where the model has no such parameter.
    mutating func take(_ place: TensorPlace, module: String) throws -> Bool {
        guard let parameter = parameter(module: module, leaf: place.leaf) else { return false }
        entries[parameter.name, default: []].append(
            Entry(key: place.key, module: module, isBaseCopy: place.kind == .base))
        return true
    }

    private func parameter(module: String, leaf: String) -> Parameter? {
        if let projection = model.projections[module], leaf == "weight" { return projection.weight }
        if let parameter = model.parameters["\(module).\(leaf)"] { return parameter }
        // The decoder of a masked language model has its bias under two names.
        guard module.hasSuffix(".decoder"), leaf == "bias" else { return nil }
        return model.parameters[module.dropLast("decoder".count) + "bias"]
    }

    /// Puts the tensors into the parameters of a set; returns the names of parameters that got none.
    func load(into grafts: inout GraftSet) throws -> [String] {
        for parameter in model.parameters.values {
            guard let entries = entries[parameter.name] else { continue }
            let own = try entries.filter { entry in
                let graft = grafts.projections[entry.module]
                let isAdapted = graft != nil && !(graft is SavedProjection) && entry.key.hasSuffix(".weight")
                guard entry.isBaseCopy || isAdapted else { return true }
                try requireBase(entry, parameter)
                return false
            }
            guard !own.isEmpty else { continue }
            try load(own, parameter, into: &grafts)
        }
        return grafts.parameters.keys.filter { entries[$0] == nil }
    }

    private func load(_ entries: [Entry], _ parameter: Parameter, into grafts: inout GraftSet) throws {
        guard let variable = grafts.parameters[parameter.name] else {
            // The adapter does not train it: peft also writes embeddings whose vocabulary it believes has changed.
            for entry in entries { try requireBase(entry, parameter) }
            return
        }
        let tensors = try entries.map { try checked($0.key, expected: parameter.base.shape, in: file) }
        let areEqual = try tensors.dropFirst().allSatisfy { try $0.isEqual(to: tensors[0]) }
        let modules = Set(entries.map(\.module))
        let sites = model.sites(of: parameter)
        if sites.count <= 1 || keepsTies || (areEqual && sites.allSatisfy { modules.contains($0.path) }) {
            guard areEqual else { throw AdapterError.contradiction(file: fileName, names: entries.map(\.key)) }
            return try variable.load(tensors[0])
        }
        grafts.parameters[parameter.name] = nil
        for (entry, tensor) in zip(entries, tensors) {
            guard let site = model.projections[entry.module] else { continue }
            let graft = try SavedProjection(at: site)
            try graft.weight.load(tensor)
            grafts.projections[site.path] = graft
        }
    }

    private func requireBase(_ entry: Entry, _ parameter: Parameter) throws {
        let found = try checked(entry.key, expected: parameter.base.shape, in: file)
        guard try found.to(parameter.base.dtype).isEqual(to: parameter.base) else {
            throw AdapterError.changedBase(file: fileName, name: entry.key)
        }
    }
}
