import Networks
import Torch

/// A LoRA adapter on its way to a file: options and factors, which the forms of writing change together.
struct LoRAExport {
    /// The tensors of one adapted module.
    struct Module {
        let path: String
        let graft: LoRAGraft
        var rank: Int
        var scaling: Double
        var a: Tensor
        var b: Tensor
        var bBias: Tensor?

        init(path: String, graft: LoRAGraft) throws {
            self.path = path
            self.graft = graft
            rank = graft.rank
            scaling = graft.scaling
            a = try graft.a.value.detach().to(.cpu)
            b = try graft.b.value.detach().to(.cpu)
            bBias = try graft.bBias?.value.detach().to(.cpu)
        }

        /// The tensors by their names in the network.
        func tensors() throws -> [(name: String, tensor: Tensor)] {
            var result = [(graft.a.name, a), (graft.b.name, b)]
            if let name = graft.bBias?.name, let bBias { result.append((name, bBias)) }
            if let magnitude = graft.magnitude { result.append((magnitude.name, try magnitude.value.detach())) }
            return result
        }
    }

    private(set) var method: LoRA
    private(set) var modules: [Module]
    /// What the reader of the file should know.
    private(set) var notes: [String] = []

    /// - Throws: `MethodError.unwritable` where there is nothing to write.
    init(_ method: LoRA, _ grafts: GraftSet, on model: Model, form: AdapterForm) throws {
        self.method = method
        modules = try grafts.projections.compactMap { path, graft in
            try (graft as? LoRAGraft).map { try Module(path: path, graft: $0) }
        }
        guard !modules.isEmpty else {
            throw MethodError.unwritable("the adapter has no LoRA module, which peft's format needs")
        }
        try resolveTargets(on: model)
        if form != .raw { try addStart(on: model) }
        if form == .uniform { try makeUniform() }
    }

    // MARK: Options

    /// States the targets so that Python's peft chooses the same modules.
    private mutating func resolveTargets(on model: Model) throws {
        guard try placesAgree(on: model) else {
            // The options were written for other names of the modules: name each one.
            method.targetModules = .list(modules.map(\.path))
            (method.excludeModules, method.layersToTransform, method.layersPattern) = (nil, nil, [])
            method.rankPattern = [:]
            method.alphaPattern = [:]
            for module in modules {
                method.rankPattern.entries.append(.init(key: module.path, value: module.rank))
                let rank = Double(module.rank)
                let alpha = module.scaling * (method.useRSLoRA ? rank.squareRoot() : rank)
                method.alphaPattern.entries.append(.init(key: module.path, value: alpha))
            }
            return
        }
        switch method.targetModules {
        case nil: method.targetModules = .list(shortNames(on: model))
        case .pattern(let text)? where text.lowercased() == "all-linear":
            method.targetModules = .list(modules.map(\.path))
        default: break
        }
    }

    /// Whether the options mean the modules that are adapted, with the ranks and scales that they have.
    private func placesAgree(on model: Model) throws -> Bool {
        guard let placements = try? method.placements(on: model, isStrict: false) else { return false }
        let meant = Dictionary(placements.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
        return meant.count == modules.count
            && modules.allSatisfy { module in
                guard let placement = meant[module.path], placement.rank == module.rank else { return false }
                let scaling = method.scaling(rank: placement.rank, alpha: placement.alpha)
                return abs(scaling - module.scaling) <= 1e-12 * abs(scaling)
            }
    }

    /// The modules' last names where these mean nothing else, their paths otherwise.
    private func shortNames(on model: Model) -> [String] {
        let paths = Set(modules.map(\.path))
        let names = Set(paths.map(\.lastModule))
        let meant = model.projections.keys.filter { names.contains($0.lastModule) }
        return Set(meant) == paths ? names.sorted() : modules.map(\.path)
    }

    // MARK: Forms

    /// Turns an adapter of a low-rank residual into one of the base: B A − B₀ A₀ is [B, −B₀] [A; A₀].
    private mutating func addStart(on model: Model) throws {
        guard method.initLoRAWeights.replacesBase || modules.contains(where: { $0.graft.initial != nil }) else {
            return
        }
        guard !method.useDoRA, modules.allSatisfy({ $0.graft.initial != nil }) else {
            let reason = method.useDoRA ? "its magnitudes belong to the residual" : "the base was quantised"
            notes.append(
                "the adapter is written as it was trained, because \(reason): readers must start from the same base and "
                    + "compute its residual again, which Graft does and Python's peft does too")
            return
        }
        for index in modules.indices {
            guard let initial = modules[index].graft.initial else { continue }
            let (a, b) = (modules[index].a, modules[index].b)
            modules[index].a = try Tensor.cat([a, initial.a.value.to(.cpu).to(a.dtype)], dim: 0)
            modules[index].b = try Tensor.cat([b, -initial.b.value.to(.cpu).to(b.dtype)], dim: 1)
            modules[index].rank *= 2
        }
        let factor = method.useRSLoRA ? 2.0.squareRoot() : 2
        method.r *= 2
        method.loraAlpha *= factor
        for index in method.rankPattern.entries.indices { method.rankPattern.entries[index].value *= 2 }
        for index in method.alphaPattern.entries.indices { method.alphaPattern.entries[index].value *= factor }
        (method.initLoRAWeights, method.loftqConfig) = (.default, LoftQConfig())
    }

    /// Gives every module the largest rank and the scale 1.
    private mutating func makeUniform() throws {
        guard !method.initLoRAWeights.replacesBase else {
            throw MethodError.unwritable(
                "an adapter that belongs to a residual of the base cannot be written with one rank for all modules: the "
                    + "residual depends on each rank")
        }
        let rank = modules.map(\.rank).max() ?? method.r
        for index in modules.indices {
            let module = modules[index]
            modules[index].a = try module.a.filledUp(to: rank, dim: 0)
            modules[index].b = try (module.b * module.scaling).filledUp(to: rank, dim: 1)
            modules[index].bBias = try module.bBias.map { try $0 * module.scaling }
            (modules[index].rank, modules[index].scaling) = (rank, 1)
        }
        (method.r, method.loraAlpha, method.useRSLoRA) = (rank, Double(rank), false)
        (method.rankPattern, method.alphaPattern) = ([:], [:])
    }
}

extension Tensor {
    /// Zeros behind a dimension until it has `size` elements.
    fileprivate func filledUp(to size: Int, dim: Int) throws -> Tensor {
        var shape = try self.shape
        guard shape[dim] < size else { return self }
        shape[dim] = size - shape[dim]
        return try Tensor.cat([self, Tensor.zeros(shape, dtype: dtype)], dim: dim)
    }
}

extension String {
    fileprivate var lastModule: String { split(separator: ".").last.map(String.init) ?? self }
}
