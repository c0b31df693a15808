import Golden
import JSON
import Networks
import Torch

/// VeRA as Hugging Face peft computes it: one pair of frozen random matrices for all adapted layers, of which each layer
/// trains two vectors.
///
///     y = x Wᵀ + b + λ_b ∘ ((λ_d ∘ dropout(x) Aᵀ) Bᵀ)        A = vera_A[:, :in], B = vera_B[:out, :]
///
/// vera_A is [r, in] and vera_B [out, r] for the largest in and out among the layers; smaller ones use the first columns
/// and rows. λ_d is [r] and starts at `d_initial`, λ_b is [out] and starts at zero. There is no α / r.
///
/// A, then B, are uniform within ±√(6 / columns), drawn from torch's own CPU generator seeded with `projection_prng_key`,
/// so that files without them (`save_projection: false`) are read as peft reads them. The draw depends on the largest
/// sizes: other targets give other numbers. Each adapter has a pair of its own, where peft makes all adapters of a model
/// share the first one's. Options have peft's names and defaults.
///
/// Source: Kopiczko et al. 2023 (arXiv:2310.11454), equation 2.
public struct VeRA: TargetsLayers, Equatable {
    /// Rank of the shared pair.
    public var r = 256
    /// Which projections; those of query and value by default.
    public var targeting = Targeting()
    /// Which layers; all by default.
    public var layers = LayerChoice()
    /// Seed of the shared pair.
    public var projectionPRNGKey = 0
    /// Whether the adapter's file holds the shared pair.
    public var saveProjection = true
    /// Dropout of the branch's input in training.
    public var veraDropout = 0.0
    /// Where λ_d starts.
    public var dInitial = 0.1
    /// Starts as above; otherwise λ_d is normal and λ_b one, which is not the base.
    public var initWeights = true
    /// Which existing biases are trained with it.
    public var bias = TrainedBiases.none

    /// peft's defaults.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "vera", summary: "Two trained vectors per layer scale a frozen random pair that all layers share.",
        family: "scaling", sites: "linear projections, parallel branch",
        paper: "Kopiczko et al. 2023, arXiv:2310.11454", initContract: .equalsBase, mergeContract: .exact)
}

// MARK: Options by peft's names

extension VeRA {
    /// Its options.
    public static let options: [MethodOption<VeRA>] = [
        .init("r", \.r),
        .targetModules, .excludeModules, .layersToTransform, .layersPattern,
        .init("projection_prng_key", \.projectionPRNGKey),
        .init("save_projection", \.saveProjection),
        .init("vera_dropout", \.veraDropout),
        .init("d_initial", \.dInitial),
        .init("init_weights", \.initWeights),
        .bias(\.bias, adapted: "vera_only"),
        .modulesToSave,
    ]

    /// Refuses combinations that cannot be, before any model is needed.
    public func validate() throws {
        guard r > 0 else { throw MethodError.option("r: the rank must be positive, found \(r)") }
        guard (0..<1).contains(veraDropout) else {
            throw MethodError.option("vera_dropout: must be at least 0 and below 1, found \(veraDropout)")
        }
        guard dInitial.isFinite else { throw MethodError.option("d_initial: must be a number, found \(dInitial)") }
        try layers.validate()
    }
}

// MARK: Grafts

extension VeRA {
    /// The shared pair, two vectors for each chosen projection, and copies of what is trained with them.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        try validate()
        let projections = try linearProjections(of: model, start)
        for projection in projections { try start.requireStored(r, of: "\(projection.path).vera_lambda_d") }
        let pair = try pair(for: projections, start)
        var set = GraftSet()
        for projection in projections {
            set.projections[projection.path] = try VeRAGraft(
                self, pair, at: projection, key: start.key.derived(projection.path))
        }
        try set.addBiases(bias, of: model, adapted: projections)
        try set.addModules(modulesToSave, of: model)
        return set
    }

    /// The pair of the adapter that is being read, or a fresh draw.
    private func pair(for projections: [Projection], _ start: GraftStart) throws -> VeRAPair {
        let input = projections.map(\.inputSize).max() ?? 0
        let output = projections.map(\.outputSize).max() ?? 0
        let role = saveProjection ? Variable.Role.frozen : .seeded
        if let a = try start.stored?.tensor(VeRAPair.names.a), let b = try start.stored?.tensor(VeRAPair.names.b) {
            // peft's second adapter of a model keeps the pair of the first, which may be larger.
            let (shapeA, shapeB) = (try a.shape, try b.shape)
            guard shapeA.count == 2, shapeB.count == 2, shapeA[0] == r, shapeB[1] == r, shapeA[1] >= input,
                shapeB[0] >= output
            else {
                throw MethodError.option(
                    "r: the file's projections of shapes \(shapeA) and \(shapeB) do not fit rank \(r) for up to \(input) "
                        + "inputs and \(output) outputs")
            }
            return try VeRAPair(a: a, b: b, role)
        }
        var generator = TorchGenerator(seed: projectionPRNGKey)
        let (boundA, boundB) = ((6 / Double(input)).squareRoot(), (6 / Double(r)).squareRoot())
        let a = try generator.uniform([r, input], -boundA, boundA)
        let b = try generator.uniform([output, r], -boundB, boundB)
        guard let device = try projections.first?.weight.base.device else { return try VeRAPair(a: a, b: b, role) }
        return try VeRAPair(a: a.to(device), b: b.to(device), role)
    }
}

/// The frozen matrices that all layers of an adapter share.
public struct VeRAPair {
    static let names = (a: "vera_A", b: "vera_B")

    /// [r, largest in]
    public let a: Variable
    /// [largest out, r]
    public let b: Variable

    init(a: Tensor, b: Tensor, _ role: Variable.Role) throws {
        self.a = try Variable(VeRAPair.names.a, a, role: role)
        self.b = try Variable(VeRAPair.names.b, b, role: role)
    }
}

/// The vectors of one projection.
public final class VeRAGraft: ProjectionGraft {
    /// The shared matrices.
    public let pair: VeRAPair
    /// λ_d [r]
    public let lambdaD: Variable
    /// λ_b [out]
    public let lambdaB: Variable
    private let dropout: Double

    init(_ method: VeRA, _ pair: VeRAPair, at site: Projection, key: RandomKey) throws {
        self.pair = pair
        dropout = method.veraDropout
        let (d, b) =
            try method.initWeights
            ? (Tensor.full([method.r], method.dInitial), Tensor.zeros([site.outputSize]))
            : (Tensor.normal([method.r], key: key), Tensor.ones([site.outputSize]))
        lambdaD = try Variable("\(site.path).vera_lambda_d", d)
        lambdaB = try Variable("\(site.path).vera_lambda_b", b)
    }

    /// The shared pair and the two vectors.
    public var variables: [Variable] { [pair.a, pair.b, lambdaD, lambdaB] }

    private func slices(at site: Projection) throws -> (a: Tensor, b: Tensor) {
        (try pair.a.value.narrow(1, 0, site.inputSize), try pair.b.value.narrow(0, 0, site.outputSize))
    }

    /// dropout(x) Aᵀ: without dropout the same for all projections that see `x`, and made once.
    private func hidden(of x: Tensor, _ a: Tensor, _ context: ForwardContext) throws -> Tensor {
        if context.isTraining, dropout > 0 {
            return try context.dropout(x, dropout, at: lambdaD.name).to(a.dtype).linear(a)
        }
        return try context.shared(by: pair.a, of: x) { try x.to(a.dtype).linear(a) }
    }

    /// The projection of one type in one node.
    public func output(
        of x: Tensor, frozen weight: Tensor, at site: Projection, _ context: ForwardContext
    ) throws -> Tensor? {
        let (a, b) = try slices(at: site)
        let dtype = try x.dtype
        let tensors = [weight, a, b, lambdaD.value, lambdaB.value] + (site.bias.map { [$0.value] } ?? [])
        guard try tensors.allSatisfy({ try $0.dtype == dtype }) else { return nil }
        return try x.scaledBranchLinear(
            site.matrix(weight), site.bias?.value, hidden: hidden(of: x, a, context),
            scales: (lambdaD.value, lambdaB.value), shared: b)
    }

    /// `output` + λ_b ∘ ((λ_d ∘ dropout(x) Aᵀ) Bᵀ).
    public func adding(
        to output: Tensor, base: Tensor, x: Tensor, at site: Projection, _ context: ForwardContext
    ) throws -> Tensor {
        let (a, b) = try slices(at: site)
        let scaled = try hidden(of: x, a, context) * lambdaD.value
        return try output + (scaled.linear(b) * lambdaB.value).to(output.dtype)
    }

    /// W + (λ_b ∘ rows of B)(λ_d ∘ rows of A).
    public func merged(weight: Tensor, bias: Tensor?, at site: Projection) throws -> (weight: Tensor, bias: Tensor?) {
        try withoutGradients {
            let dtype = try weight.dtype
            let (a, b) = try slices(at: site)
            let left = try b.to(dtype) * lambdaB.value.to(dtype).unsqueeze(1)
            let right = try a.to(dtype) * lambdaD.value.to(dtype).unsqueeze(1)
            return (try weight + site.layout(left.matmul(right)), bias)
        }
    }
}

// MARK: peft

extension VeRA: PeftMethod {
    /// `VeraConfig` and its tensors; the shared pair stands beside the modules. `fan_in_fan_out` is ignored: the layer itself tells its layout.
    public static let peft = PeftFormat(
        types: ["VERA"], endings: [.init("vera_lambda_d"), .init("vera_lambda_b")],
        shared: ["base_model.vera_A": VeRAPair.names.a, "base_model.vera_B": VeRAPair.names.b],
        ignoredKeys: ["fan_in_fan_out"], fixedKeys: ["fan_in_fan_out": false])

    /// Whether `bias` says so.
    public var trainsBiases: Bool { bias != .none }

    /// Every tensor, with the modules by name where peft's own lists might mean others, or where it has no such option.
    public func peftExport(_ grafts: GraftSet, on model: Model, form: AdapterForm) throws -> PeftExport {
        var (export, method) = (try plainExport(grafts, form: form), self)
        if targetModules == nil || excludeModules != nil { method.targetModules = .list(grafts.adaptedPaths) }
        method.excludeModules = nil
        export.method = method
        return export
    }
}

// MARK: Golden cases

extension VeRA {
    /// Layers of different shapes over one pair, each run alone.
    public static let replays = [GoldenReplay("vera", body: layers)]

    private static func layers(_ golden: GoldenCase) throws -> CaseResult {
        let count = try golden.config.field("shapes").elements().count
        let names = (0..<count).map(String.init)
        var layer = try LayerCase(golden, layers: names)
        var method = VeRA()
        method.r = try golden.config.field("r").count()
        method.dInitial = try golden.config.optional("d_initial")?.double() ?? method.dInitial
        method.targetModules = .list(names)
        let set = try method.grafts(for: layer.model, key: RandomKey(seed: 0))
        for name in names {
            let graft: VeRAGraft = try layer.graft(set, at: name)
            layer.produced("out.\(name).lambda_d_init", try graft.lambdaD.value.clone())
            layer.produced("out.\(name).lambda_b_init", try graft.lambdaB.value.clone())
            try graft.pair.a.load(golden.tensor("param.vera_A"))
            try graft.pair.b.load(golden.tensor("param.vera_B"))
            try layer.replay(
                ["lambda_d": graft.lambdaD, "lambda_b": graft.lambdaB], through: name, prefix: "\(name).")
        }
        try layer.produceMerged()
        return try layer.result()
    }
}
