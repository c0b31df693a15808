import Methods
import Networks
import Support
import Torch

/// Puts the tensors of an adapter's file into the grafts that its configuration asks for on a model.
struct AdapterReader {
    let file: SafetensorsFile
    let config: AdapterConfig
    let provenance: AdapterProvenance
    let model: Model
    let spelling: ModuleSpelling

    private var fileName: String { file.header.path }

    /// The grafts with the file's tensors in them.
    func grafts() throws -> GraftSet {
        if config.form == .peft, let method = config.method as? any PeftMethod { return try peftGrafts(method) }
        return try nativeGrafts()
    }

    /// The seed of the method's draws; nil where another program drew.
    private var seed: Int? {
        provenance.randomAlgorithm == RandomKey.algorithm ? provenance.seed : nil
    }

    /// Puts the file's tensors into the variables, each of which must get one if it is of a class that is stored.
    /// - Parameter keys: the names in the file by those of the variables.
    private func load(_ keys: [String: String], into variables: [Variable]) throws {
        for variable in variables {
            guard let key = keys[variable.name] else { continue }
            try variable.load(checked(key, expected: variable.value.shape, in: file))
        }
        let missing = variables.filter { $0.isStored && keys[$0.name] == nil }.map(\.name)
        guard missing.isEmpty else { throw missingTensors(missing) }
    }

    private func missingTensors(_ names: [String]) -> AdapterError {
        .missingTensors(
            file: fileName, names: names, nearest: names.first.flatMap { nearestMatch(to: $0, in: file.names) })
    }

    private func unexpectedTensors(_ names: [String], known: [String]) -> AdapterError {
        .unexpectedTensors(
            file: fileName, names: names, nearest: names.first.flatMap { nearestMatch(to: $0, in: known) })
    }
}

// MARK: Graft's own form

extension AdapterReader {
    /// Every variable under its own name.
    private func nativeGrafts() throws -> GraftSet {
        let keys = Dictionary(file.names.map { ($0, $0) }, uniquingKeysWith: { first, _ in first })
        let start = GraftStart(
            key: AdapterProvenance.methodKey(seed: seed ?? 0), stored: StoredAdapter(file: file, keys: keys))
        let grafts = try holdingCopies(config.method.grafts(for: model, start), keys)
        let (packed, plain) = (
            grafts.variables.filter { $0.packing != nil }, grafts.variables.filter { $0.packing == nil }
        )
        let names = Set(plain.map(\.name) + (try packed.flatMap(partNames)))
        let unexpected = file.names.filter { !names.contains($0) }
        guard unexpected.isEmpty else { throw unexpectedTensors(unexpected, known: Array(names)) }
        let redrawn = grafts.variables.filter { $0.role == .seeded && keys[$0.name] == nil }
        if let drawn = redrawn.first, seed == nil {
            throw AdapterError.option(
                file: fileName,
                problem: "\(quoted(drawn.name)) is drawn at random and not in the file, which names no seed that this "
                    + "version of Graft could draw it from")
        }
        try load(keys, into: plain)
        for variable in packed { try unpack(variable) }
        return grafts
    }

    private func partNames(_ variable: Variable) throws -> [String] {
        let parts = try variable.packing?.parts(of: variable.value.shape) ?? []
        return parts.map { "\(variable.name).\($0.name)" }
    }

    /// Takes a variable from the parts that the file holds of it.
    private func unpack(_ variable: Variable) throws {
        guard let packing = variable.packing else { return }
        let shape = try variable.value.shape
        let names = try partNames(variable)
        let missing = names.filter { !file.contains($0) }
        guard missing.isEmpty else { throw missingTensors(missing) }
        let parts = try zip(names, packing.parts(of: shape)).map { name, part in
            let tensor = try checked(name, expected: part.shape, in: file)
            guard try tensor.dtype == part.dtype else {
                throw AdapterError.option(
                    file: fileName, problem: "\(quoted(name)) is of type \(try tensor.dtype), expected \(part.dtype)")
            }
            return tensor
        }
        try variable.load(packing.unpacked(parts, shape: shape))
    }
}

extension AdapterReader {
    /// The grafts with a copy of their own for each parameter that is copied on demand and in the file; those that are
    /// not stay the base's.
    private func holdingCopies(_ grafts: GraftSet, _ keys: [String: String]) throws -> GraftSet {
        var grafts = grafts
        for name in try grafts.untouched(of: model) {
            if keys[name] == nil {
                grafts.parameters[name] = nil
            } else if let variable = grafts.parameters[name] {
                try variable.replace(with: variable.value.clone())
            }
        }
        return grafts
    }
}

// MARK: peft's form

extension AdapterReader {
    private func peftGrafts(_ method: any PeftMethod) throws -> GraftSet {
        let format = type(of: method).peft
        let places = try file.names.map { try TensorPlace(key: $0, format: format, file: fileName) }
        let own = places.filter { $0.kind == .graft }
        let names = try spelling.inFile(Set(own.filter { !$0.module.isEmpty }.map(\.module)))
        let keys = try variableNames(own)
        var grafts = try emptyGrafts(method, names, keys)
        var unexpected = own.filter { place in
            !grafts.variables.contains { keys[$0.name] == place.key }
        }.map(\.key)
        let whole = Set(grafts.parameters.keys)
        let given = grafts.variables.filter { !whole.contains($0.name) || keys[$0.name] != nil }
        // What has no place explains what is missing, where the two are spellings of one name.
        if unexpected.isEmpty { try load(keys, into: given) }
        var saved = SavedTensors(file: file, model: model, keepsTies: config.keepsTies)
        for place in places where place.kind != .graft {
            if try !saved.take(place, module: spelling.canonical(place.module)) { unexpected.append(place.key) }
        }
        guard unexpected.isEmpty else {
            let known = grafts.variables.filter(\.isStored).map {
                (try? format.fileName(of: $0.name)) ?? format.prefix + $0.name
            }
            throw unexpectedTensors(unexpected, known: known)
        }
        let missing = try saved.load(into: &grafts).filter { keys[$0] == nil }
        guard missing.isEmpty else { throw missingTensors(missing) }
        return grafts
    }

    /// The names in the file by those of the variables.
    private func variableNames(_ places: [TensorPlace]) throws -> [String: String] {
        var keys: [String: String] = [:]
        for place in places {
            let module = try spelling.canonical(place.module)
            let name = module.isEmpty ? place.leaf : "\(module).\(place.leaf)"
            if let other = keys.updateValue(place.key, forKey: name) {
                throw AdapterError.contradiction(file: fileName, names: [other, place.key])
            }
        }
        return keys
    }

    /// The grafts as the configuration makes them, before the file's tensors are in them.
    /// - Parameters:
    ///   - names: how the file spells the network's paths.
    ///   - keys: the names in the file by those of the variables.
    private func emptyGrafts(
        _ peftMethod: any PeftMethod, _ names: @escaping (String) -> String, _ keys: [String: String]
    ) throws -> GraftSet {
        if let start = peftMethod.drawnStart, seed == nil {
            throw AdapterError.unreproducible(file: AdapterConfig.fileName, start: quoted(start))
        }
        var method = peftMethod
        // Files name modules of other models too: peft adds the usual names of heads.
        let wanted = method.modulesToSave
        method.modulesToSave = model.modulePaths.filter { path in wanted.contains { names(path).hasSuffix($0) } }
        let grafts = try method.grafts(
            for: model,
            GraftStart(
                key: AdapterProvenance.methodKey(seed: seed ?? 0), stored: StoredAdapter(file: file, keys: keys),
                names: names, isStrict: false))
        let tied = grafts.projections.keys.first { model.sites(sharingWeightOf: $0).count > 1 }
        if config.keepsTies, let tied {
            throw AdapterError.feature(
                file: AdapterConfig.fileName, key: "ensure_weight_tying", value: "true for the adapted \(tied)")
        }
        return grafts
    }
}

/// The tensors of an adapter's file by the names of its variables.
private struct StoredAdapter: StoredTensors {
    let file: SafetensorsFile
    /// Names in the file by those of the variables.
    let keys: [String: String]

    var names: [String] { keys.keys.sorted() }

    func tensor(_ name: String) throws -> Tensor? {
        guard let key = keys[name] else { return nil }
        return try checked(key, expected: file.header.entry(key).shape, in: file)
    }

    func require(_ size: Int, of name: String, dimension: Int) throws {
        guard let key = keys[name] else {
            throw AdapterError.missingTensors(
                file: file.header.path, names: [name], nearest: nearestMatch(to: name, in: file.names))
        }
        let found = try file.header.entry(key).shape
        guard found.indices.contains(dimension), found[dimension] == size else {
            var expected = found
            if found.indices.contains(dimension) { expected[dimension] = size } else { expected = [size] }
            throw AdapterError.shape(file: file.header.path, name: key, expected: expected, found: found)
        }
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
