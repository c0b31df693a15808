import Foundation
import Methods
import Networks
import Torch

/// What each file of a merged checkpoint holds, and where each tensor comes from.
struct MergePlan {
    /// Where a tensor's numbers come from.
    enum Source {
        /// The base's file, as it is.
        case copy(String)
        /// A weight that a projection computes with once its grafts are folded in.
        case weight(Projection)
        /// The same for its bias.
        case bias(Projection)
        /// A norm's weight once its grafts are folded in.
        case normWeight(Norm)
        /// The same for its bias.
        case normBias(Norm)
        /// A parameter that the adapter brings whole.
        case parameter(Parameter)
    }

    /// One tensor of the merged checkpoint.
    struct Output {
        let name: String
        let dtype: DType
        let shape: [Int]
        let source: Source
    }

    /// The outputs of one file.
    struct Shard {
        let url: URL
        let metadata: [String: String]
        var outputs: [Output] = []
    }

    private(set) var shards: [Shard] = []
    /// Names of tensors that the base lacks.
    private(set) var added: [String] = []
    /// Names of weights that were shared and no longer are.
    private(set) var untied: [String] = []

    /// - Parameter dtype: of tensors that the base lacks.
    init(_ files: CheckpointFiles, model: Model, dtype: DType) throws {
        let new = model.parameters.values.filter(\.isNew)
        let names = MergedNames(files.names, model: model, hasNewHead: !new.isEmpty)
        let parameters = Dictionary(
            model.parameters.values.map { ($0.fileName, $0) }, uniquingKeysWith: { first, _ in first })
        for url in files.files {
            let header = try SafetensorsHeader(reading: url)
            var shard = Shard(url: url, metadata: header.metadata)
            for entry in header.entries {
                guard let type = entry.dtype.tensorType else {
                    throw SafetensorsError.unsupported(file: url.path, name: entry.name, dtype: entry.dtype)
                }
                let source = try MergePlan.source(of: entry.name, parameters[entry.name], in: model)
                shard.outputs.append(
                    Output(name: names.merged(entry.name), dtype: type, shape: entry.shape, source: source))
            }
            shards.append(shard)
        }
        addUntied(model, names)
        guard let last = shards.indices.last else { return }
        for parameter in new {
            shards[last].outputs.append(
                Output(
                    name: parameter.name, dtype: dtype, shape: try parameter.base.shape, source: .parameter(parameter)))
            added.append(parameter.name)
        }
    }

    /// Tensors in all files.
    var tensorCount: Int { shards.reduce(0) { $0 + $1.outputs.count } }

    private static func source(of name: String, _ parameter: Parameter?, in model: Model) throws -> Source {
        guard let parameter else {
            // A copy of a shared weight under the name of the one that shares it.
            if name.hasSuffix(".weight"), let site = model.projections[String(name.dropLast(".weight".count))],
                !site.grafts.isEmpty || site.weight.replacement != nil
            {
                return .weight(site)
            }
            return .copy(name)
        }
        let sites = model.sites(of: parameter)
        let owner = sites.first { parameter.name == $0.path + ".weight" } ?? sites.first
        if let owner, !owner.grafts.isEmpty { return .weight(owner) }
        if let site = model.projections.values.first(where: { $0.bias === parameter }), try site.changesBias {
            return .bias(site)
        }
        for norm in model.norms.values where !norm.grafts.isEmpty {
            if norm.weight === parameter { return .normWeight(norm) }
            if norm.bias === parameter { return .normBias(norm) }
        }
        return parameter.replacement == nil ? .copy(name) : .parameter(parameter)
    }

    /// Gives each projection that shares a weight a tensor of its own, where grafts make different ones of it.
    private mutating func addUntied(_ model: Model, _ names: MergedNames) {
        let shared = Dictionary(grouping: model.projections.values) { ObjectIdentifier($0.weight) }.values
        for sites in shared where sites.count > 1 && sites.contains(where: { !$0.grafts.isEmpty }) {
            let weight = sites[0].weight
            let stored = names.merged(weight.fileName)
            for index in shards.indices {
                guard let place = shards[index].outputs.firstIndex(where: { $0.name == stored }) else { continue }
                let model = shards[index].outputs[place]
                for site in sites {
                    // The one that the weight is named after keeps its place in the file.
                    let isOwner = weight.name == site.path + ".weight"
                    let isStoredHere = stored == site.path + ".weight" || isOwner && !sites.isNamed(stored)
                    let output = Output(
                        name: isStoredHere ? stored : site.path + ".weight", dtype: model.dtype, shape: model.shape,
                        source: .weight(site))
                    if !isOwner { untied.append(output.name) }
                    if isStoredHere {
                        shards[index].outputs[place] = output
                    } else if !shards.contains(where: { $0.outputs.contains { $0.name == output.name } }) {
                        shards[index].outputs.append(output)
                    }
                }
            }
        }
    }
}

extension Projection {
    /// Whether folding the grafts in changes the bias.
    fileprivate var changesBias: Bool {
        get throws {
            guard let bias, !grafts.isEmpty else { return false }
            // LoRA says so without computing the weight.
            let products = grafts.compactMap { $0 as? LoRAGraft }
            if products.count == grafts.count { return products.contains { $0.bBias != nil } }
            return try withoutGradients {
                defer { try? weight.releaseStreamed() }
                guard let merged = try mergedTensors(computedIn: .float32).bias else { return false }
                return try !merged.isEqual(to: bias.value.to(.float32))
            }
        }
    }
}

extension [Projection] {
    /// Whether a file's name is that of the weight of one of these.
    fileprivate func isNamed(_ name: String) -> Bool {
        contains { $0.path + ".weight" == name }
    }
}

/// How the tensors of a base's files are called in the merged checkpoint.
///
/// A bare backbone's files leave out the backbone's name; with a head beside it, every reader needs it.
struct MergedNames {
    private let prefix: String?
    private let bareModules: Set<Substring>

    init(_ names: [String], model: Model, hasNewHead: Bool) {
        let prefixes = model.parameters.values.filter { $0.name.hasSuffix("." + $0.fileName) }
            .map { $0.name.dropLast($0.fileName.utf8.count + 1) }
        prefix = hasNewHead ? prefixes.first.map(String.init) : nil
        let own = Set(model.parameters.values.filter { $0.name == $0.fileName }.map(\.name))
        bareModules = Set(names.filter { !own.contains($0) }.map { $0.prefix { $0 != "." } })
    }

    func merged(_ name: String) -> String {
        guard let prefix, bareModules.contains(name.prefix { $0 != "." }) else { return name }
        return prefix + "." + name
    }
}
