import Golden
import JSON
import Networks
import Torch

/// KaSA, knowledge-aware singular-value adaptation: the base weight loses its smallest singular components for good, and
/// the change is written like a singular value decomposition with trained values, held small and nearly orthonormal by a
/// loss over all layers.
///
///     y   = x W_tᵀ + b + s · ((dropout(x) Aᵀ) ∘ d) Bᵀ        s = lora_alpha / r
///     W_t = Σ of the first in − r singular components of W
///     aux = (β Σ_l ‖d_l‖² + γ Σ_l (‖A_lᵀ A_l − I‖_F + ‖B_l B_lᵀ − I‖_F)) / L        added to the mean task loss
///
/// W is [out, in]. A is [r, in] and starts uniform within ±1/√in, B [out, r] starts at zero, d [r] is normal. A fresh
/// adapter computes what W_t does, not what the base does: W_t is computed again from the base whenever the adapter is
/// read. The norms of the γ terms are not squared; the large Gram matrices [in, in] and [out, out] are never made, since
/// ‖M Mᵀ − I_n‖² = ‖Mᵀ M − I_r‖² + n − r for M [n, r].
///
/// Switches between the release and the paper:
/// - `truncate_rank_from: in` counts the kept components as the release does, from the inputs, so that nothing is dropped
///   where out ≤ in − r; `min` counts them from min(in, out), so that r are dropped in every layer.
/// - `ortho_gram: outer` holds the large Gram matrices against the identity, as the release does; `inner` the small ones,
///   A Aᵀ and Bᵀ B [r, r], as the paper writes.
///
/// Source: Wang et al. 2024 (arXiv:2412.06071), section 3; defaults and readings of the authors' release. That the paper
/// means the small Gram matrices comes from memory of its text.
public struct KaSA: TargetsModules, Equatable {
    /// Rank of the change, and number of dropped components.
    public var r = 8
    /// Numerator of the scale.
    public var loraAlpha = 16.0
    /// Dropout of the branch's input in training.
    public var loraDropout = 0.0
    /// Weight of ‖d‖².
    public var beta = 1e-4
    /// Weight of the distances from orthonormal factors.
    public var gamma = 1e-3
    /// What the number of kept components is counted from.
    public var truncateRankFrom = Truncation.input
    /// Which Gram matrices are held against the identity.
    public var orthoGram = Gram.outer
    /// Which projections; those of query and value by default.
    public var targeting = Targeting()

    /// The release's defaults.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "kasa",
        summary:
            "The base loses its smallest singular components; the change has singular values and a loss of its own.",
        family: "low rank", sites: "linear projections, residual base and parallel branch",
        paper: "Wang et al. 2024, arXiv:2412.06071", initContract: .differs, mergeContract: .exact)

    /// What the number of kept components is counted from.
    public enum Truncation: String, Codable, CaseIterable, Sendable {
        case input = "in"
        case smallest = "min"
    }

    /// Which Gram matrices are held against the identity.
    public enum Gram: String, Codable, CaseIterable, Sendable {
        case outer
        case inner
    }
}

// MARK: Options

extension KaSA {
    /// Its options.
    public static let options: [MethodOption<KaSA>] = [
        .init("r", \.r),
        .init("lora_alpha", \.loraAlpha),
        .init("lora_dropout", \.loraDropout),
        .init("beta", \.beta),
        .init("gamma", \.gamma),
        .init("truncate_rank_from", \.truncateRankFrom),
        .init("ortho_gram", \.orthoGram),
        .targetModules, .excludeModules, .modulesToSave,
    ]

    /// Refuses values that cannot be, before any model is needed.
    public func validate() throws {
        guard r > 0 else { throw MethodError.option("r: the rank must be positive, found \(r)") }
        guard loraAlpha.isFinite else { throw MethodError.option("lora_alpha: must be a number, found \(loraAlpha)") }
        guard (0..<1).contains(loraDropout) else {
            throw MethodError.option("lora_dropout: must be at least 0 and below 1, found \(loraDropout)")
        }
        for (name, value) in [("beta", beta), ("gamma", gamma)] where !(value >= 0 && value.isFinite) {
            throw MethodError.option("\(name): a weight of the loss must be at least 0, found \(value)")
        }
    }
}

// MARK: Grafts

extension KaSA {
    /// Factors for each chosen projection, and copies of the modules that are trained with them.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        try validate()
        let projections = try linearProjections(of: model, start)
        var set = GraftSet()
        for projection in projections {
            try start.requireStored(r, of: "\(projection.path).lora_A")
            set.projections[projection.path] = try KaSAGraft(
                self, at: projection, key: start.key.derived(projection.path))
        }
        try set.addModules(modulesToSave, of: model)
        return set
    }

    /// The loss over all adapted layers.
    public func lifecycle(of grafts: GraftSet, on model: Model, _ plan: TrainingPlan) throws -> (any Lifecycle)? {
        KaSALifecycle(self, grafts)
    }

    /// W without its smallest singular components, in the layout of the weight; nil where none is dropped.
    func truncated(_ site: Projection) throws -> Tensor? {
        let limit = min(site.inputSize, site.outputSize)
        let kept = (truncateRankFrom == .input ? site.inputSize : limit) - r
        guard kept > 0 else {
            throw MethodError.option(
                "r: rank \(r) leaves nothing of \(site.path), whose weight is [\(site.outputSize), \(site.inputSize)]")
        }
        guard kept < limit else { return nil }
        return try withoutGradients {
            let matrix = try site.matrix(site.weight.base).to(.float32)
            let (u, s, vT) = try matrix.svd()
            let dropped = try (u.narrow(1, kept, limit - kept) * s.narrow(0, kept, limit - kept)).matmul(
                vT.narrow(0, kept, limit - kept))
            return try site.residual(matrix - dropped)
        }
    }
}

/// The truncated weight and the factors of one projection.
public final class KaSAGraft: ProjectionGraft {
    /// A [r, in]
    public let a: Variable
    /// d [r]
    public let diagonal: Variable
    /// B [out, r]
    public let b: Variable
    /// W_t; nil where it is W.
    public let residual: Tensor?
    /// s
    public let scaling: Double
    private let dropout: Double

    init(_ method: KaSA, at site: Projection, key: RandomKey) throws {
        let bound = 1 / Double(site.inputSize).squareRoot()
        residual = try method.truncated(site)
        a = try Variable(
            "\(site.path).lora_A", .uniform([method.r, site.inputSize], -bound, bound, key: key.derived("A")))
        diagonal = try Variable("\(site.path).lora_diag", .normal([method.r], key: key.derived("diag")))
        b = try Variable("\(site.path).lora_B", .zeros([site.outputSize, method.r]))
        scaling = method.loraAlpha / Double(method.r)
        dropout = method.loraDropout
    }

    /// A, d and B.
    public var variables: [Variable] { [a, diagonal, b] }

    /// `output` + s·((dropout(x) Aᵀ) ∘ d) Bᵀ.
    public func adding(
        to output: Tensor, base: Tensor, x: Tensor, at site: Projection, _ context: ForwardContext
    ) throws -> Tensor {
        let dropped = try context.dropout(x, dropout, at: a.name).to(a.value.dtype).reshape([-1, site.inputSize])
        let hidden = try dropped.matmul(a.value.t()) * (diagonal.value * scaling)
        let sum = try output.to(a.value.dtype).reshape([-1, site.outputSize]).addmm(hidden, b.value.t())
        return try sum.reshape(output.shape).to(output.dtype)
    }

    /// W_t + s B diag(d) A.
    public func merged(weight: Tensor, bias: Tensor?, at site: Projection) throws -> (weight: Tensor, bias: Tensor?) {
        try withoutGradients {
            let dtype = try weight.dtype
            let left = try b.value.to(dtype) * (diagonal.value.to(dtype) * scaling)
            let delta = try site.layout(left.matmul(a.value.to(dtype)))
            guard let residual = try residual?.to(dtype) else { return (try weight + delta, bias) }
            // What earlier grafts added to the base stays; only the base itself is replaced.
            let base = try site.weight.value.to(dtype)
            let earlier = try weight.isEqual(to: base) ? residual : residual + (weight - base)
            return (try earlier + delta, bias)
        }
    }
}

// MARK: Loss over all layers

/// Adds the loss over all adapted layers to each step.
final class KaSALifecycle: Lifecycle {
    private let method: KaSA
    private let grafts: [KaSAGraft]

    init(_ method: KaSA, _ set: GraftSet) {
        self.method = method
        grafts = set.projections.values.compactMap { $0 as? KaSAGraft }
    }

    func penalty(_ moment: StepMoment) throws -> Tensor? { try auxiliaryLoss() }

    /// aux over all layers; nil where there are none.
    func auxiliaryLoss() throws -> Tensor? {
        let terms = try grafts.map { graft in
            let d = graft.diagonal.value
            let distances = try distance(graft.a.value.t()) + distance(graft.b.value)
            return try (d * d).sum() * method.beta + distances * method.gamma
        }
        guard !terms.isEmpty else { return nil }
        return try Tensor.stack(terms).mean()
    }

    /// How far the columns of M [n, r] are from orthonormal: ‖M Mᵀ − I_n‖_F, or ‖Mᵀ M − I_r‖_F for the small matrices.
    /// Its gradient at zero is zero.
    private func distance(_ matrix: Tensor) throws -> Tensor {
        let (rows, columns) = (try matrix.size(0), try matrix.size(1))
        let isTall = rows >= columns || method.orthoGram == .inner
        let gram = try isTall ? matrix.t().matmul(matrix) : matrix.matmul(matrix.t())
        let device = try matrix.device
        let rest = try (gram - Tensor.identity(isTall ? columns : rows, on: device)).reshape([-1])
        guard method.orthoGram == .outer, rows > columns else { return try rest.norm() }
        let outside = try Tensor.full([1], Double(rows - columns).squareRoot(), device: device)
        return try Tensor.cat([rest, outside]).norm()
    }
}

extension Tensor {
    /// The identity matrix [size, size].
    fileprivate static func identity(_ size: Int, on device: Device) throws -> Tensor {
        let indices = try Tensor.arange(to: Double(size), device: device)
        return try indices.unsqueeze(0).eq(indices.unsqueeze(1)).to(.float32)
    }
}

// MARK: Golden cases

extension KaSA {
    /// One layer that is run, with others that take part in the loss alone.
    public static let replays = [GoldenReplay("kasa", body: layers)]

    private init(_ golden: GoldenCase) throws {
        var options = JSON.Object()
        for key in ["r", "lora_alpha", "beta", "gamma", "truncate_rank_from", "ortho_gram"] {
            if let option = try golden.config.optional(key) { options[key] = option.value }
        }
        self = try JSON.Node(.object(options), source: golden.name).decode(KaSA.self)
    }

    private static func layers(_ golden: GoldenCase) throws -> CaseResult {
        let count = try golden.config.optional("n_layers")?.int() ?? 1
        let names = [""] + (1..<max(1, count)).map(String.init)
        var layer = try LayerCase(golden, layers: names)
        var method = try KaSA(golden)
        method.targetModules = .list(names.map(LayerCase.path))
        let set = try method.grafts(for: layer.model, key: RandomKey(seed: 0))
        let grafts: [KaSAGraft] = try names.map { try layer.graft(set, at: $0) }
        if let expected = try golden.config.optional("scaling")?.double(), abs(expected - grafts[0].scaling) > 1e-9 {
            throw TorchError.invalid("the case's scaling is \(expected), KaSA's is \(grafts[0].scaling)")
        }
        for (name, graft) in zip(names, grafts) {
            let prefix = name.isEmpty ? "" : name + "."
            layer.produced(
                "out.\(prefix)truncated_weight", try graft.residual ?? golden.tensor("base.\(prefix)weight"))
            for (leaf, variable) in graft.named {
                try variable.load(golden.tensor("param.\(prefix)\(leaf)"))
            }
        }
        try layer.replay(
            ["lora_A": grafts[0].a, "lora_diag": grafts[0].diagonal, "lora_B": grafts[0].b], through: "")
        try layer.produceMerged()
        try replayLoss(&layer, KaSALifecycle(method, set), Array(zip(names, grafts)))
        return try layer.result()
    }

    private static func replayLoss(
        _ layer: inout LayerCase, _ lifecycle: KaSALifecycle, _ grafts: [(name: String, graft: KaSAGraft)]
    ) throws {
        for (_, graft) in grafts { for variable in graft.variables { try variable.value.setGrad(nil) } }
        guard let loss = try lifecycle.auxiliaryLoss() else { return }
        layer.produced("out.aux_loss", loss)
        try loss.backward()
        for (name, graft) in grafts {
            let prefix = name.isEmpty ? "" : name + "."
            for (leaf, variable) in graft.named {
                if let gradient = try variable.value.grad { layer.produced("grad_aux.\(prefix)\(leaf)", gradient) }
            }
        }
    }
}

extension KaSAGraft {
    /// The variables by the names of the golden cases.
    fileprivate var named: KeyValuePairs<String, Variable> { ["lora_A": a, "lora_diag": diagonal, "lora_B": b] }
}
