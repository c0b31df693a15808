import Methods
import Networks
import Support
import Torch

/// Puts the tensors of a peft file into the grafts that its configuration asks for on a model.
struct AdapterReader {
    let file: SafetensorsFile
    let config: AdapterConfig
    let provenance: AdapterProvenance
    let model: Model
    let spelling: ModuleSpelling

    private var fileName: String { file.header.path }

    /// The grafts with the file's tensors in them.
    func grafts() throws -> GraftSet {
        let places = try file.names.map { try TensorPlace(key: $0, file: fileName) }
        let names = try spelling.inFile(Set(places.filter { $0.kind == .graft }.map(\.module)))
        var grafts = try emptyGrafts(names, places)
        var unexpected = try loadGrafts(places.filter { $0.kind == .graft }, into: grafts)
        var saved = SavedTensors(file: file, model: model, keepsTies: config.keepsTies)
        for place in places where place.kind != .graft {
            if try !saved.take(place, module: spelling.canonical(place.module)) { unexpected.append(place.key) }
        }
        guard unexpected.isEmpty else {
            let known = expectedNames(grafts)
            throw AdapterError.unexpectedTensors(
                file: fileName, names: unexpected, nearest: unexpected.first.flatMap { nearestMatch(to: $0, in: known) }
            )
        }
        let missing = try saved.load(into: &grafts)
        guard missing.isEmpty else {
            throw AdapterError.missingTensors(
                file: fileName, names: missing,
                nearest: missing.first.flatMap { nearestMatch(to: $0, in: file.names) })
        }
        return grafts
    }

    /// The grafts as the configuration makes them, before the file's tensors are in them.
    /// - Parameter names: how the file spells the network's paths.
    private func emptyGrafts(_ names: @escaping (String) -> String, _ places: [TensorPlace]) throws -> GraftSet {
        var method = config.method
        let placements = try method.placements(on: model, names: names, isStrict: false)
        try requireRanks(placements, places, names)
        if config.keepsTies, let tied = placements.first(where: { model.sites(sharingWeightOf: $0.path).count > 1 }) {
            throw AdapterError.feature(
                file: AdapterConfig.fileName, key: "ensure_weight_tying", value: "true for the adapted \(tied.path)")
        }
        // Files name modules of other models too: peft adds the usual names of heads.
        method.modulesToSave = model.modulePaths.filter { path in
            config.method.modulesToSave.contains { names(path).hasSuffix($0) }
        }
        return try method.grafts(for: model, at: placements, key: try key())
    }

    /// Holds the configuration's ranks against the file, before anything of that size is made.
    private func requireRanks(
        _ placements: [LoRAPlacement], _ places: [TensorPlace], _ names: (String) -> String
    ) throws {
        let leaves = ["lora_A.weight", "lora_embedding_A"]
        var keys: [String: String] = [:]
        for place in places where leaves.contains(place.leaf) {
            keys[try spelling.canonical(place.module)] = place.key
        }
        for placement in placements {
            guard let key = keys[placement.path] else {
                let name = "base_model.model.\(names(placement.path)).lora_A.weight"
                throw AdapterError.missingTensors(
                    file: fileName, names: [name], nearest: nearestMatch(to: name, in: file.names))
            }
            let found = try file.header.entry(key).shape
            guard found.first == placement.rank else {
                throw AdapterError.shape(
                    file: fileName, name: key, expected: [placement.rank] + found.dropFirst(), found: found)
            }
        }
    }

    /// The root of the draws that the adapter's start was made with.
    private func key() throws -> RandomKey {
        let seed = provenance.randomAlgorithm == RandomKey.algorithm ? provenance.seed : nil
        if case .pissa(.some) = config.method.initLoRAWeights, seed == nil {
            throw AdapterError.unreproducible(file: AdapterConfig.fileName, start: config.start.serialized())
        }
        return AdapterProvenance.methodKey(seed: seed ?? 0)
    }

    /// Loads the tensors of the grafts; returns the names of those that have no place.
    private func loadGrafts(_ places: [TensorPlace], into grafts: GraftSet) throws -> [String] {
        let variables = grafts.projections.values.flatMap(\.variables).filter { $0.role == .trainable }
        var waiting = Dictionary(variables.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        var loaded: Set<String> = []
        var unexpected: [String] = []
        for place in places {
            let name = try spelling.canonical(place.module) + "." + place.leaf
            if let variable = waiting.removeValue(forKey: name) {
                loaded.insert(name)
                try variable.load(checked(place.key, expected: variable.value.shape, in: file))
            } else if loaded.contains(name) {
                throw AdapterError.contradiction(file: fileName, names: [place.key, name])
            } else {
                unexpected.append(place.key)
            }
        }
        // What has no place explains what is missing, where the two are spellings of one name.
        guard unexpected.isEmpty, !waiting.isEmpty else { return unexpected }
        let missing = variables.map(\.name).filter { waiting[$0] != nil }
        throw AdapterError.missingTensors(
            file: fileName, names: missing, nearest: missing.first.flatMap { nearestMatch(to: $0, in: file.names) })
    }

    private func expectedNames(_ grafts: GraftSet) -> [String] {
        grafts.variables.filter { $0.role == .trainable }.map { "base_model.model." + $0.name }
    }
}

/// A tensor of the file, if it has the shape of its place and only numbers.
func checked(_ key: String, expected: [Int], in file: SafetensorsFile) throws -> Tensor {
    let found = try file.header.entry(key).shape
    guard found == expected else {
        throw AdapterError.shape(file: file.header.path, name: key, expected: expected, found: found)
    }
    let tensor = try file.tensor(key)
    guard try !tensor.dtype.isFloatingPoint || tensor.isAllFinite() else {
        throw AdapterError.notFinite(file: file.header.path, name: key)
    }
    return tensor
}

extension Model {
    /// The projections that compute with the weight of the one at `path`, itself among them.
    func sites(sharingWeightOf path: String) -> [Projection] {
        guard let weight = projections[path]?.weight else { return [] }
        return sites(of: weight)
    }

    /// The projections that compute with a weight.
    func sites(of weight: Parameter) -> [Projection] {
        projections.values.filter { $0.weight === weight }
    }
}
