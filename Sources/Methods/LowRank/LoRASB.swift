import Networks
import Torch

/// LoRA-SB and LoRA-XS: two frozen factors with a small trained matrix between them.
///
///     y = x Wᵀ + b + s·((dropout(x) Aᵀ) Rᵀ) Bᵀ        s = lora_alpha / r
///
/// W is [out, in] and stays; A [r, in] and B [out, r] are frozen, R [r, r] is trained: r² parameters of a module. The
/// gradient of R is g = s Bᵀ G Aᵀ, with G that of the weight.
///
/// `variant: lora-sb` takes them from the first step that full fine-tuning would make. G is summed over `num_samples`
/// training examples, and of
///
///     U = −η sign(ΣG) ≈ B diag(S) A,        η = learning_rate / (warmup_ratio · total_steps)
///
/// the leading singular vectors are B and A, and R starts as diag(S): a fresh adapter has taken that step already. With
/// orthonormal factors and s = 1, g is the best approximation of G that an update of R can make, so alpha is r.
/// `variant: lora-xs` takes the leading factors of W itself, A with the singular values, and draws R from a normal of
/// deviation `init_std`; s is then a choice.
///
/// Defaults are those of the release for arithmetic (r 96, 50 samples in batches of 3). Where it differs from the
/// release: the decomposition is exact and in fp32, where the release has a randomised one rounded to bfloat16; without
/// warm-up η is the learning rate. R does not decay, whatever the run's weight decay, since it does not start around
/// zero. Signs of singular vectors are fixed (largest entry of a column of B positive), so that with
/// `save_projection: false` LoRA-XS can keep its file to R and compute A and B from the base again.
///
/// Sources: Ponkshe et al. 2024 (arXiv:2411.19557); Bałazy et al. 2024 (2405.17604) for LoRA-XS; the names
/// of estimation_batch_size and total_steps are ours.
public struct LoRASB: TargetsModules, Equatable {
    /// Where the frozen factors come from.
    public enum Variant: String, Codable, CaseIterable, Sendable {
        /// The first step of full fine-tuning.
        case sb = "lora-sb"
        /// The weight.
        case xs = "lora-xs"
    }

    /// Where the frozen factors come from.
    public var variant = Variant.sb
    /// Rank of the product, size of R.
    public var r = 96
    /// Numerator of the scale; nil for r.
    public var loraAlpha: Double?
    /// Dropout of the branch's input in training.
    public var loraDropout = 0.0
    /// Training examples that the first step is estimated on.
    public var numSamples = 50
    /// Examples of a batch of the estimation.
    public var estimationBatchSize = 3
    /// Steps whose `warmup_ratio` part divides the learning rate; nil for the batches of the estimation's size in all
    /// epochs.
    public var totalSteps: Int?
    /// Deviation of R's entries in LoRA-XS.
    public var initStd = 1e-5
    /// Whether the file holds A and B; only LoRA-XS can do without.
    public var saveProjection = true
    /// Which projections; those of query and value by default.
    public var targeting = Targeting()

    /// The release's numbers.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "lora-sb",
        summary:
            "A trained r by r matrix between frozen factors of full fine-tuning's first step (LoRA-XS: of the weight).",
        family: "low rank", sites: "linear projections, parallel branch",
        paper: "Ponkshe et al. 2024, arXiv:2411.19557", initContract: .differs, mergeContract: .exact)

    /// s.
    var scaling: Double { (loraAlpha ?? Double(r)) / Double(r) }
}

// MARK: Options

extension LoRASB {
    /// Its options.
    public static let options: [MethodOption<LoRASB>] = [
        .init("variant", \.variant),
        .init("r", \.r),
        .init("lora_alpha", \.loraAlpha),
        .init("lora_dropout", \.loraDropout),
        .init("num_samples", \.numSamples),
        .init("estimation_batch_size", \.estimationBatchSize),
        .init("total_steps", \.totalSteps),
        .init("init_std", \.initStd),
        .init("save_projection", \.saveProjection),
        .targetModules, .excludeModules, .modulesToSave,
    ]

    /// Refuses what cannot be, before any model is needed.
    public func validate() throws {
        try require(r > 0, "r: the rank must be positive, found \(r)")
        try require(
            (0..<1).contains(loraDropout), "lora_dropout: must be at least 0 and below 1, found \(loraDropout)")
        try require(numSamples > 0, "num_samples: must be positive, found \(numSamples)")
        try require(
            estimationBatchSize > 0, "estimation_batch_size: must be positive, found \(estimationBatchSize)")
        try require(totalSteps ?? 1 > 0, "total_steps: must be positive, found \(totalSteps ?? 1)")
        try require(
            initStd >= 0 && initStd.isFinite, "init_std: must be finite and not negative, found \(initStd)")
        try require(
            (loraAlpha ?? 1).isFinite && loraAlpha != 0, "lora_alpha: must be finite and not 0")
        guard variant == .sb else { return }
        try require(
            loraAlpha ?? Double(r) == Double(r),
            "lora_alpha: lora-sb needs the scale 1, so leave it out or set it to r; lora-xs has a choice")
        try require(
            saveProjection,
            "save_projection: the factors of lora-sb come from the data and must be in the file; only lora-xs has a choice"
        )
    }
}

// MARK: Grafts

extension LoRASB {
    /// Factors for each chosen projection.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        try validate()
        let sites = try projections(of: model, start)
        for site in sites {
            try start.requireStored(r, of: "\(site.path).lora_R.weight")
            try requireRank(at: site)
        }
        var set = GraftSet()
        switch variant {
        case .xs:
            for site in sites { set.projections[site.path] = try weightGraft(at: site, start) }
        case .sb where start.stored != nil:
            // The data decided the factors: they are in the file.
            for site in sites { set.projections[site.path] = try emptyGraft(at: site) }
        case .sb:
            let updates = try updates(of: sites, start.requiredCalibration(LoRASB.card.name))
            for (site, update) in zip(sites, updates) {
                set.projections[site.path] = try updateGraft(update, at: site)
            }
        }
        try set.addModules(modulesToSave, of: model)
        return set
    }

    private func requireRank(at site: Projection) throws {
        try site.requireLinear(for: variant.rawValue)
        let limit = min(site.inputSize, site.outputSize)
        guard r <= limit else {
            throw MethodError.option("r: rank \(r) is above the \(limit) directions that \(site.path) has")
        }
    }

    /// The first step of full fine-tuning for each site, [out, in]: −η sign of the summed gradients.
    func updates(of sites: [Projection], _ calibration: any CalibrationSource) throws -> [Tensor] {
        var sums: [ObjectIdentifier: Tensor] = [:]
        try calibration.weightGradients(of: sites, samples: numSamples, batchSize: estimationBatchSize) {
            let (site, gradient) = ($1, try $2.detach().to(.float32).to(.cpu))
            if let sum = sums[ObjectIdentifier(site)] {
                try sum.addInPlace(gradient)
            } else {
                sums[ObjectIdentifier(site)] = try gradient.clone()
            }
        }
        let rate = firstRate(calibration)
        return try sites.map { site in
            guard let sum = sums[ObjectIdentifier(site)] else {
                throw MethodError.option("num_samples: no training example gave \(site.path) a gradient")
            }
            return try site.matrix(sum.sign() * -rate)
        }
    }

    /// η: the learning rate after the first step of the warm-up.
    private func firstRate(_ calibration: any CalibrationSource) -> Double {
        let batches = (calibration.exampleCount + estimationBatchSize - 1) / estimationBatchSize
        let steps = totalSteps.map { Double($0) } ?? Double(batches) * calibration.epochs
        let warmup = calibration.warmupRatio * steps
        return warmup > 0 ? calibration.learningRate / warmup : calibration.learningRate
    }

    private func updateGraft(_ update: Tensor, at site: Projection) throws -> LoRASBGraft {
        let (b, s, a) = try SingularFactors(of: update).leading(r)
        let places = try Tensor.arange(to: Double(r)).unsqueeze(0)
        let diagonal = try s.unsqueeze(0) * places.eq(places.t()).to(.float32)
        return try LoRASBGraft(self, a: a, r: diagonal, b: b, at: site)
    }

    private func weightGraft(at site: Projection, _ start: GraftStart) throws -> LoRASBGraft {
        if start.stored != nil, saveProjection { return try emptyGraft(at: site) }
        let (b, s, vT) = try SingularFactors(of: site.matrix(site.weight.base)).leading(r)
        let center = try Tensor.normal([r, r], std: initStd, key: start.key.derived(site.path).derived("R"))
        return try LoRASBGraft(self, a: vT * s.unsqueeze(1), r: center, b: b, at: site)
    }

    private func emptyGraft(at site: Projection) throws -> LoRASBGraft {
        try LoRASBGraft(
            self, a: .zeros([r, site.inputSize]), r: .zeros([r, r]), b: .zeros([site.outputSize, r]), at: site)
    }

    /// R does not decay.
    public func lifecycle(of grafts: GraftSet, on model: Model, _ plan: TrainingPlan) throws -> (any Lifecycle)? {
        LatentGroups()
    }
}
