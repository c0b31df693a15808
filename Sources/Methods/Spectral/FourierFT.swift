import Golden
import JSON
import Networks
import Torch

/// FourierFT as Hugging Face peft computes it: the change of a weight is the real part of an inverse discrete Fourier
/// transform of a sparse spectrum, whose n real entries are all that trains.
///
///     ΔW = scaling · Re(ifft2(F))        F [out, in] is zero but for F[row_j, column_j] = c_j
///     y  = x Wᵀ + b + x ΔWᵀ
///
/// ifft2 carries 1 / (out · in), so that ΔW[u, v] = scaling / (out · in) · Σ_j c_j cos(2π(row_j u / out + column_j v / in)).
/// The positions are the first `n_frequency` of a permutation of the out · in entries that torch's own CPU generator draws
/// with `random_loc_seed`: entry i is row i / in, column i mod in. They are in no file; layers of one shape share them.
/// The transform is computed in fp32.
///
/// c is drawn from a standard normal, so that a fresh adapter is not quite the base; `init_weights: true` starts at zero.
/// Options have peft's names and defaults.
///
/// Source: Gao et al. 2024 (arXiv:2405.03003), equations 2 to 4.
public struct FourierFT: TargetsLayers, Equatable {
    /// Entries of the spectrum of a layer.
    public var nFrequency = 1000
    /// Entries of single modules by pattern.
    public var nFrequencyPattern: PatternTable<Int> = [:]
    /// Factor of the change.
    public var scaling = 150.0
    /// Seed of the positions.
    public var randomLocSeed = 777
    /// Which projections; those of query and value by default.
    public var targeting = Targeting()
    /// Which layers; all by default.
    public var layers = LayerChoice()
    /// Starts at zero rather than at random.
    public var initWeights = false
    /// Which existing biases are trained with it.
    public var bias = TrainedBiases.none

    /// peft's defaults.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "fourierft",
        summary: "A few trained entries of a spectrum whose inverse Fourier transform is the change.",
        family: "spectral", sites: "linear projections, additive dense change",
        paper: "Gao et al. 2024, arXiv:2405.03003", initContract: .differs, mergeContract: .exact)
}

// MARK: Options by peft's names

extension FourierFT {
    /// Its options.
    public static let options: [MethodOption<FourierFT>] = [
        .init("n_frequency", \.nFrequency),
        .init("n_frequency_pattern", \.nFrequencyPattern),
        .init("scaling", \.scaling),
        .init("random_loc_seed", \.randomLocSeed),
        .targetModules, .excludeModules, .layersToTransform, .layersPattern,
        .init("init_weights", \.initWeights),
        .bias(\.bias, adapted: "fourier_only"),
        .modulesToSave,
    ]

    /// Refuses combinations that cannot be, before any model is needed.
    public func validate() throws {
        guard nFrequency > 0 else {
            throw MethodError.option("n_frequency: the number must be positive, found \(nFrequency)")
        }
        if let entry = nFrequencyPattern.entries.first(where: { $0.value <= 0 }) {
            throw MethodError.option(
                "n_frequency_pattern: the number of `\(entry.key)` must be positive, found \(entry.value)")
        }
        guard scaling.isFinite else { throw MethodError.option("scaling: must be a number, found \(scaling)") }
        try layers.validate()
    }
}

// MARK: Grafts

extension FourierFT {
    /// A spectrum for each chosen projection, and copies of what is trained with them.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        try validate()
        let projections = try projections(of: model, start)
        let numbers = try ModulePatterns(
            nFrequencyPattern.entries.map { ($0.key, $0.value) }, option: "n_frequency_pattern")
        if start.isStrict { try numbers.requireMatches(in: projections.map { start.names($0.path) }) }
        var positions: [[Int]: Tensor] = [:]
        var set = GraftSet()
        for projection in projections {
            let count = try numbers.value(for: start.names(projection.path)) ?? nFrequency
            let shape = [projection.outputSize, projection.inputSize]
            try requireRoom(for: count, at: projection)
            // A whole permutation is drawn for the first few entries: layers of one shape share it.
            let order = try positions[shape] ?? TorchGenerator.permutation(shape[0] * shape[1], seed: randomLocSeed)
            positions[shape] = order
            set.projections[projection.path] = try FourierFTGraft(
                self, positions: order.narrow(0, 0, count).clone().to(projection.weight.base.device), at: projection,
                key: start.key.derived(projection.path))
        }
        try set.addBiases(bias, of: model, adapted: projections)
        try set.addModules(modulesToSave, of: model)
        return set
    }

    private func requireRoom(for count: Int, at site: Projection) throws {
        try site.requireLinear(for: "fourierft")
        let entries = site.outputSize * site.inputSize
        guard count <= entries else {
            throw MethodError.option(
                "n_frequency: \(count) is above the \(entries) entries of \(site.path)'s weight")
        }
    }
}

/// The spectrum of one projection.
public final class FourierFTGraft: ProjectionGraft {
    /// c [n]
    public let spectrum: Variable
    /// Places of c in the rows of F one after the other, [n].
    let positions: Tensor
    private let scaling: Double

    init(_ method: FourierFT, positions: Tensor, at site: Projection, key: RandomKey) throws {
        self.positions = positions
        scaling = method.scaling
        let count = try positions.count
        spectrum = try Variable(
            "\(site.path).fourierft_spectrum", method.initWeights ? .zeros([count]) : .normal([count], key: key))
    }

    /// c alone: the positions come from the seed.
    public var variables: [Variable] { [spectrum] }

    /// ΔW [out, in].
    func delta(at site: Projection, dtype: DType = .float32) throws -> Tensor {
        let zeros = try Tensor.zeros(
            [site.outputSize * site.inputSize], dtype: dtype, device: spectrum.value.device)
        let dense = try zeros.scatter(0, positions, spectrum.value.to(dtype))
        return try dense.reshape([site.outputSize, site.inputSize]).inverseFourierReal() * scaling
    }

    /// Alone at its projection: one node, where the weight has room for the change's digits.
    public func output(
        of x: Tensor, frozen weight: Tensor, at site: Projection, _ context: ForwardContext
    ) throws -> Tensor? {
        let tensors = [x, weight] + (site.bias.map { [$0.value] } ?? [])
        guard try tensors.allSatisfy({ try $0.dtype == .float32 }) else { return nil }
        return try x.spectralLinear(
            site.matrix(weight), site.bias?.value, spectrum: spectrum.value.to(.float32), positions: positions,
            scaling: scaling)
    }

    /// Elsewhere: `output` + x ΔWᵀ.
    public func adding(
        to output: Tensor, base: Tensor, x: Tensor, at site: Projection, _ context: ForwardContext
    ) throws -> Tensor {
        try output + x.to(.float32).linear(delta(at: site)).to(output.dtype)
    }

    /// W + ΔW.
    public func merged(weight: Tensor, bias: Tensor?, at site: Projection) throws -> (weight: Tensor, bias: Tensor?) {
        try withoutGradients {
            (try weight + site.layout(delta(at: site, dtype: weight.dtype)), bias)
        }
    }
}

// MARK: peft

extension FourierFT: PeftMethod {
    /// `FourierFTConfig` and its tensors. `fan_in_fan_out` is ignored: the layer itself tells its layout.
    public static let peft = PeftFormat(
        types: ["FOURIERFT"], endings: [.init("fourierft_spectrum")], ignoredKeys: ["fan_in_fan_out"],
        fixedKeys: ["fan_in_fan_out": false])

    /// Whether `bias` says so.
    public var trainsBiases: Bool { bias != .none }

    /// Every spectrum, with the modules by name where peft's own lists might mean others.
    public func peftExport(_ grafts: GraftSet, on model: Model, form: AdapterForm) throws -> PeftExport {
        var (export, method) = (try plainExport(grafts, form: form), self)
        // peft allows no choice of layers beside a pattern.
        let isPattern = if case .pattern = targetModules { true } else { false }
        if targetModules == nil || (isPattern && layersToTransform != nil) {
            method.targetModules = .list(grafts.adaptedPaths)
            (method.layersToTransform, method.layersPattern) = (nil, [])
        }
        export.method = method
        return export
    }
}

// MARK: Golden cases

extension FourierFT {
    /// One layer, whose positions the seed must give as well.
    public static let replays = [GoldenReplay("fourierft", body: layer)]

    private static func layer(_ golden: GoldenCase) throws -> CaseResult {
        var layer = try LayerCase(golden)
        var method = FourierFT()
        method.nFrequency = try golden.config.field("n_frequency").int()
        method.scaling = try golden.config.optional("scaling")?.double() ?? method.scaling
        method.randomLocSeed = try golden.config.optional("random_loc_seed")?.int() ?? method.randomLocSeed
        method.initWeights = try golden.config.optional("init_weights")?.bool() ?? method.initWeights
        method.targetModules = .list([SingleProjection.path])
        let set = try method.grafts(for: layer.model, key: RandomKey(seed: 0))
        let graft: FourierFTGraft = try layer.graft(set)
        guard let site = layer.model.projections[SingleProjection.path] else {
            throw TorchError.invalid("the case has no layer")
        }
        if let expected = try golden.optional("in.indices") {
            let flat = try expected.select(0, 0) * Double(site.inputSize) + expected.select(0, 1)
            guard try flat.to(.int64).isEqual(to: graft.positions) else {
                throw TorchError.invalid("the seed \(method.randomLocSeed) gives other positions than the case has")
            }
        }
        try layer.replay(["spectrum": graft.spectrum])
        layer.produced("out.delta", try graft.delta(at: site))
        try layer.produceMerged()
        return try layer.result()
    }
}
