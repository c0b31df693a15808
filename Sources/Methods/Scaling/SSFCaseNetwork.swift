import Golden
import Networks
import Torch

/// One block of a vision transformer with its patch embedding and the last norm, or what of these a case has, with its
/// sites of scale and shift.
///
/// A case calls its modules as it likes, as long as the names hold the words of `Module.words`.
final class SSFCaseNetwork: Network {
    /// The modules, in the order in which they compute. A word is looked for in a name in the order of `lookup`.
    enum Module: String, CaseIterable {
        case stem, norm1, qkv, proj, norm2, fc1, fc2, norm

        private var words: [String] {
            switch self {
            case .stem: ["stem", "patch", "conv", "embed"]
            case .norm1: ["norm1", "norm_1", "ln1", "ln_1"]
            case .norm2: ["norm2", "norm_2", "ln2", "ln_2"]
            case .norm: ["norm", "ln"]
            case .proj: ["proj", "attn.out", "attn_out", "out"]
            case .qkv, .fc1, .fc2: [rawValue]
            }
        }

        private static let lookup: [Module] = [.stem, .qkv, .fc1, .fc2, .norm1, .norm2, .norm, .proj]

        /// The module that a name is of; nil for none.
        init?(_ name: some StringProtocol) {
            guard let found = Module.lookup.first(where: { $0.words.contains(where: name.contains) }) else {
                return nil
            }
            self = found
        }
    }

    private var projections: [Module: Projection] = [:]
    private var norms: [Module: Norm] = [:]
    private let classToken: Tensor?
    private let positions: Tensor?
    private let site: AttentionSite

    private init(_ builder: NetworkBuilder, _ weights: [String: Tensor], _ golden: GoldenCase) throws {
        let config = golden.config
        let eps = try config.first(of: "eps", "ln_eps", "norm_eps")?.double() ?? 1e-6
        for module in Module.allCases {
            guard let shape = try weights["\(module.rawValue).weight"]?.shape else { continue }
            let (place, hasBias) = (builder.root(module.rawValue), weights["\(module.rawValue).bias"] != nil)
            switch shape.count {
            case 4:
                let convolution = Projection.Convolution(
                    input: shape[1], output: shape[0], kernel: Array(shape[2...]), stride: Array(shape[2...]))
                projections[module] = try .convolution(place, convolution, bias: hasBias)
            case 2: projections[module] = try .linear(place, input: shape[1], output: shape[0], bias: hasBias)
            default: norms[module] = try .layer(place, size: shape[0], eps: eps)
            }
        }
        let heads = try config.first(of: "heads", "num_heads", "n_heads")?.int() ?? 1
        guard let qkv = projections[.qkv], projections[.proj] != nil, norms[.norm1] != nil, norms[.norm2] != nil,
            projections[.fc1] != nil, projections[.fc2] != nil, heads > 0, qkv.outputSize % (3 * heads) == 0
        else {
            throw GoldenError.unread("it does not have the modules of a vision transformer's block with fused q, k, v")
        }
        classToken = try golden.first(of: ["base.cls_token", "base.class_token"])?.tensor
        positions = try golden.first(of: ["base.pos_embed", "base.position_embeddings"])?.tensor
        let size = qkv.outputSize / 3
        site = AttentionSite(
            builder.root("self"), index: 0, size: size, heads: heads, keyHeads: heads, headSize: size / heads)
    }

    /// A model with the case's weights.
    static func model(_ golden: GoldenCase) throws -> Model {
        var weights: [String: Tensor] = [:]
        for name in golden.names(beginningWith: "base.") {
            guard let dot = name.lastIndex(of: "."), let module = Module(name[..<dot]) else { continue }
            let key = module.rawValue + name[dot...]
            guard weights[key] == nil else {
                throw GoldenError.unread("base.\(name) is one of several modules that could be `\(module.rawValue)`")
            }
            weights[key] = try golden.tensor("base.\(name)")
        }
        let builder = NetworkBuilder(source: TensorWeights(weights))
        return Model(try SSFCaseNetwork(builder, weights, golden), builder)
    }

    /// Every token behind the last norm; `pixelValues` is an image, or the embedded tokens where there is no stem.
    func callAsFunction(_ input: ModelInput, _ context: ForwardContext) throws -> ModelOutput {
        var x = try input.requiredPixels()
        if let stem = projections[.stem] {
            let map = try stem(x, context)
            x = try map.reshape([map.size(0), map.size(1), -1]).transpose(1, 2)
            if let classToken {
                x = try .cat([classToken.reshape([1, 1, -1]).expand([x.size(0), -1, -1]), x], dim: 1)
            }
            if let positions { x = try x + positions }
        }
        x = try x + run(.proj, attend(run(.qkv, normed(.norm1, x, context), context), input, context), context)
        let hidden = try run(.fc1, normed(.norm2, x, context), context).gelu()
        x = try normed(.norm, x + run(.fc2, hidden, context), context)
        return ModelOutput(logits: x, lastHiddenState: x)
    }

    private func run(_ module: Module, _ x: Tensor, _ context: ForwardContext) throws -> Tensor {
        try projections[module]?(x, context) ?? x
    }

    private func normed(_ module: Module, _ x: Tensor, _ context: ForwardContext) throws -> Tensor {
        try norms[module]?(x, context) ?? x
    }

    private func attend(_ joined: Tensor, _ input: ModelInput, _ context: ForwardContext) throws -> Tensor {
        let parts = try (0..<3).map {
            try joined.narrow(2, $0 * site.size, site.size)
                .reshape([joined.size(0), joined.size(1), site.heads, site.headSize]).transpose(1, 2)
        }
        let settings = AttentionSettings(
            scale: 1 / Double(site.headSize).squareRoot(), pattern: AttentionPattern(causal: false))
        return try context.attention(parts[0], parts[1], parts[2], settings, input: input, at: site)
    }
}

extension SSF {
    /// A case of a whole block: its pairs, the gradients of all of them, and what folding gives.
    static func block(_ golden: GoldenCase) throws -> CaseResult {
        let model = try SSFCaseNetwork.model(golden)
        let set = try SSF().grafts(for: model, key: RandomKey(seed: 0))
        try model.add(set, named: "default")
        let grafts = Dictionary(
            (set.projections.compactMap { path, graft in (graft as? SSFGraft).map { (path, $0) } })
                + set.norms.compactMap { path, graft in (graft as? SSFGraft).map { (path, $0) } },
            uniquingKeysWith: { first, _ in first })
        var loaded: [(name: String, variable: Variable)] = []
        for name in golden.names(beginningWith: "param.") {
            guard let module = SSFCaseNetwork.Module(name), let graft = grafts[module.rawValue] else {
                throw GoldenError.unread("param.\(name) is of no module of the block")
            }
            let variable = name.contains("shift") ? graft.shift : graft.scale
            try variable.load(golden.tensor("param.\(name)"))
            loaded.append((name, variable))
        }
        guard loaded.count == 2 * grafts.count else {
            throw GoldenError.unread("it has \(loaded.count) scales and shifts for \(grafts.count) modules")
        }
        var comparison = Comparison(golden)
        let x = try golden.tensor("in.x").clone().setRequiresGrad(true)
        let y = try model(ModelInput(pixelValues: x)).lastHiddenState
        comparison.produced("out.y", y)
        try (y * golden.tensor("in.cotangent")).sum().backward()
        for (name, tensor) in loaded.map({ ($0.name, $0.variable.value) }) + [("x", x)] {
            guard let gradient = try tensor.grad else { continue }
            for prefix in ["grad.", "grad.param.", "grad.in."] { comparison.produced(prefix + name, gradient) }
        }
        try produceFolded(model, golden, &comparison)
        return try comparison.result()
    }

    private static func produceFolded(
        _ model: Model, _ golden: GoldenCase, _ comparison: inout Comparison
    ) throws {
        try model.merge()
        defer { try? model.unmerge() }
        let words = ["merged", "folded"]
        for name in golden.outputs where name.hasPrefix("out.") && words.contains(where: name.contains) {
            if name.hasPrefix("out.y") || name.hasSuffix("_y") {
                comparison.produced(name, try model(ModelInput(pixelValues: golden.tensor("in.x"))).lastHiddenState)
                continue
            }
            guard let path = SSFCaseNetwork.Module(name.dropFirst("out.".count))?.rawValue else { continue }
            let parameter =
                name.hasSuffix("bias")
                ? model.projections[path]?.bias ?? model.norms[path]?.bias
                : model.projections[path]?.weight ?? model.norms[path]?.weight
            if let parameter { comparison.produced(name, parameter.value) }
        }
    }
}
