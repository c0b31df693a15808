import Networks
import Torch

/// CorDA: LoRA whose factors start as singular directions of the weight times the covariance of its inputs; the frozen
/// weight becomes the rest.
///
///     C = Σ Xᵀ X / samples,  X / |max X| of one sample [tokens, in]
///     C′ = C + damp · mean(diag C) · I                    damp doubled until ‖C′ C′⁻¹ − I‖ is below `inv_error_max`
///     U S Vhᵀ = SVD(W C′),  Vᵀ = Vhᵀ C′⁻¹,  hence U diag(S) Vᵀ = W
///     B = U √(S/s),  A = √(S/s) Vᵀ of r components,  W′ = W − s B A,  s = lora_alpha / r (√r with use_rslora)
///
/// W is [out, in], C [in, in], A [r, in], B [out, r]. `corda_method` chooses the components: `ipm` (instruction
/// previewed) trains the r largest, `kpm` (knowledge preserved) the r smallest, in descending order, so that what the
/// calibration examples use stays frozen. `sigma_fuse` puts S on both factors, on B (`U`) or on A (`V`). The output of
/// a fresh adapter is the base's. After that, training is LoRA's.
///
/// Calibration reads `calibration_samples` single training examples, without padding. The maximum is the signed one, as
/// in the release; a sample whose maximum is zero is taken as it is. Sums are divided by the samples that were seen
/// (peft), not by 256 (the release). Covariance, inverse and decomposition are in fp64, where fp32 doubles the damping
/// of wide layers; an input that is always zero has the identity for C.
///
/// The residual depends on the examples, so the adapter is written as plain LoRA of rank 2r on the untouched base:
/// [A; A₀] and [B, −B₀]. Options and defaults are peft's (`LoraConfig`, `CordaConfig`); the number of samples is the
/// paper's, and its option's name ours.
///
/// Source: Yang et al. 2024 (arXiv:2406.05223).
public struct CorDA: TargetsModules, Equatable {
    /// Which components are trained.
    public enum Mode: String, Codable, CaseIterable, Sendable {
        /// Instruction previewed: the largest.
        case ipm
        /// Knowledge preserved: the smallest.
        case kpm
    }

    /// Which factor takes the singular values.
    public enum SigmaFuse: String, Codable, CaseIterable, Sendable {
        /// The root of them each.
        case both = "UV"
        /// B.
        case left = "U"
        /// A.
        case right = "V"
    }

    /// Rank of the product.
    public var r = 8
    /// Numerator of the scale.
    public var loraAlpha = 8.0
    /// Dropout of the branch's input in training.
    public var loraDropout = 0.0
    /// Scales by √r.
    public var useRSLoRA = false
    /// Which components are trained.
    public var cordaMethod = Mode.ipm
    /// Training examples that the covariances are of.
    public var calibrationSamples = 256
    /// Which factor takes the singular values.
    public var sigmaFuse = SigmaFuse.both
    /// Share of the mean variance that is added to the diagonal at first.
    public var dampStart = 0.01
    /// The largest error of the inverse that is accepted.
    public var invErrorMax = 0.05
    /// Which projections; those of query and value by default.
    public var targeting = Targeting()

    /// peft's defaults.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "corda", summary: "LoRA on the directions that example inputs use most (ipm) or least (kpm).",
        family: "low rank", sites: "linear projections, parallel branch on a residual weight",
        paper: "Yang et al. 2024, arXiv:2406.05223", initContract: .equalsBase, mergeContract: .exact)

    /// The LoRA that is trained after the start.
    var lora: LoRA {
        var lora = LoRA()
        (lora.r, lora.loraAlpha, lora.loraDropout, lora.useRSLoRA) = (r, loraAlpha, loraDropout, useRSLoRA)
        lora.targeting = targeting
        return lora
    }
}

// MARK: Options

extension CorDA {
    /// Its options.
    public static let options: [MethodOption<CorDA>] = [
        .init("r", \.r),
        .init("lora_alpha", \.loraAlpha),
        .init("lora_dropout", \.loraDropout),
        .init("use_rslora", \.useRSLoRA),
        .init("corda_method", \.cordaMethod),
        .init("calibration_samples", \.calibrationSamples),
        .init("sigma_fuse", \.sigmaFuse),
        .init("damp_start", \.dampStart),
        .init("inv_error_max", \.invErrorMax),
        .targetModules, .excludeModules, .modulesToSave,
    ]

    /// Refuses what cannot be, before any model is needed.
    public func validate() throws {
        try lora.validate()
        try require(
            loraAlpha > 0 && loraAlpha.isFinite,
            "lora_alpha: must be positive, since singular values are divided by it, found \(loraAlpha)")
        try require(calibrationSamples > 0, "calibration_samples: must be positive, found \(calibrationSamples)")
        try require(dampStart > 0 && dampStart.isFinite, "damp_start: must be positive, found \(dampStart)")
        try require(invErrorMax > 0, "inv_error_max: must be positive, found \(invErrorMax)")
    }
}

// MARK: Grafts

extension CorDA {
    /// LoRA's grafts on residuals, started from the covariances of the calibration examples' inputs.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        try validate()
        let placements = try lora.placements(on: model, names: start.names, isStrict: start.isStrict)
        let sites = try placements.compactMap { model.projections[$0.path] }.map { try linear($0) }
        let calibration = try start.requiredCalibration(CorDA.card.name)
        var set = GraftSet()
        let scaling = lora.scaling(rank: r, alpha: loraAlpha)
        for passSites in CorDA.passes(over: sites) {
            var covariances = try covariances(of: passSites, calibration)
            for site in passSites {
                guard let covariance = covariances.removeValue(forKey: site.path) else {
                    throw MethodError.option("calibration_samples: no training example went through \(site.path)")
                }
                let begin = try decomposition(of: site, covariance).start(self, scaling: scaling, at: site)
                set.projections[site.path] = try LoRAGraft(lora, rank: r, scaling: scaling, at: site, start: begin)
            }
        }
        try set.addModules(modulesToSave, of: model)
        return set
    }

    /// The sites in groups, each for a pass of its own over the examples: a covariance has the layer's input squared of
    /// numbers, and those of a large model together would be larger than its weights.
    static func passes(over sites: [Projection], limit: Int = 4 << 30) -> [[Projection]] {
        var passes: [[Projection]] = []
        var bytes = 0
        for site in sites {
            let size = site.inputSize * site.inputSize * DType.float64.size
            if let last = passes.indices.last, bytes + size <= limit {
                passes[last].append(site)
                bytes += size
            } else {
                passes.append([site])
                bytes = size
            }
        }
        return passes
    }

    private func linear(_ site: Projection) throws -> Projection {
        try site.requireLinear(for: "corda")
        let limit = min(site.inputSize, site.outputSize)
        guard r <= limit else {
            throw MethodError.option("r: rank \(r) is above the \(limit) directions that \(site.path) has")
        }
        return site
    }

    /// C of each site by its path, [in, in] in fp64.
    func covariances(of sites: [Projection], _ calibration: any CalibrationSource) throws -> [String: Tensor] {
        var sums: [String: Tensor] = [:]
        var counts: [String: Int] = [:]
        try calibration.observeInputs(of: sites, samples: calibrationSamples) { _, site, input in
            let term = try CorDA.covariance(of: input.detach().reshape([-1, site.inputSize]).to(.cpu))
            guard try term.isAllFinite() else {
                throw MethodError.option("calibration_samples: an input of \(site.path) is too large or not a number")
            }
            if let sum = sums[site.path] { try sum.addInPlace(term) } else { sums[site.path] = term }
            counts[site.path, default: 0] += 1
        }
        for (path, count) in counts { try sums[path]?.mulInPlace(1 / Double(count)) }
        return sums
    }

    /// Xᵀ X of one sample, X divided by its signed maximum's magnitude.
    private static func covariance(of input: Tensor) throws -> Tensor {
        let x = try input.to(.float64)
        let largest = try abs(x.amax().item())
        let scaled = largest > 0 ? try x / largest : x
        return try scaled.t().matmul(scaled)
    }

    /// The decomposition of a site's weight that a covariance orients.
    func decomposition(of site: Projection, _ covariance: Tensor) throws -> CovarianceDecomposition {
        try CovarianceDecomposition(
            site.matrix(site.weight.base).to(.cpu), covariance, dampStart: dampStart, errorMax: invErrorMax)
    }
}

// MARK: peft

extension CorDA: WritesPeft {
    /// No: its residual comes from examples that a reader does not have.
    public static let readsItsOwn = false

    /// Plain LoRA of rank 2r on the untouched base.
    /// - Throws: `MethodError.unwritable` for the raw form, whose residual no reader could compute.
    public func peftExport(_ grafts: GraftSet, on model: Model, form: AdapterForm) throws -> PeftExport {
        guard form != .raw else {
            throw MethodError.unwritable(
                "a CorDA adapter cannot be written raw: its residual depends on the calibration examples; use portable"
            )
        }
        return try lora.peftExport(grafts, on: model, form: form)
    }
}
