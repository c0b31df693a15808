import Networks
import Torch

/// LoCA: a change of the weight that is a sum of few cosine waves; their heights and their places are learned in turns.
///
///     ΔW = scale · C_outᵀ S C_in,        S zero but for S[p_i, q_i] += a_i, i = 1…k
///     y = W x + b + dropout(x) ΔWᵀ
///     C_n[i, j] = √(2/n) cos((2j + 1) i π / 2n), row 0 divided by √2 (the orthonormal DCT-II)
///     (p, q) = round(clamp(l, 0, 0.999) · (size − 1)), halves to even
///
/// a [k] (`loca_spectrum`) starts at zero. l [2, k] (`loca_locations`) starts uniform in [0, 1]; its row 0 places along
/// the outputs, row 1 along the inputs. With K = scale · C_out G C_inᵀ for G, the gradient of ΔW,
///
///     ∂a_i = K[p_i, q_i]
///     ∂p_i = clamp(a_i (K[p_i + 1, q_i] − K[p_i − 1, q_i]) / 2, −1, 1), likewise ∂q_i
///     ∂l = ∂p · (size − 1), and 0 outside [0, 0.999]
///
/// where a neighbour beyond the border is the place itself. Only the waves at the k places and their neighbours are
/// computed, 2 k·out·in operations for ΔW, never a dense transform.
///
/// Schedule, by the optimizer's steps: step 0 trains a; until `learn_location_iter`, of each cycle of
/// `coefficient_steps` + `location_steps` the first part trains a and the rest l; afterwards l is fixed for good. What
/// is not trained has no gradient: neither moments nor clock nor decay move. The release counts forwards of the layer
/// in training; `count_forwards` does so, at the first forward of each step. The bound of ∂p holds for the gradient of
/// the whole step, so that accumulation changes nothing.
///
/// Defaults are those of the published GLUE runs. l rests in fp32: half precision cannot tell 4096 places apart.
///
/// Source: Du et al. 2025 (arXiv:2502.06820); gradients, border and schedule as the release has them.
public struct LoCA: TargetsModules, Equatable {
    /// Waves of a module, k.
    public var nFrequency = 1000
    /// Factor of the transform.
    public var scale = 1.0
    /// Dropout of the input of the change.
    public var locaDropout = 0.0
    /// Step from which the places are fixed.
    public var learnLocationIter = 1000
    /// Steps of a cycle that train heights.
    public var coefficientSteps = 10
    /// Steps of a cycle that train places.
    public var locationSteps = 20
    /// Learning rate of the places at the run's peak; it follows the run's schedule.
    public var locationLearningRate = 1e-4
    /// Whether the gradient of a place is bounded to one position.
    public var clipLocationGrad = true
    /// Counts forwards, not optimizer steps, as the release does.
    public var countForwards = false
    /// Which projections; those of query and value by default.
    public var targeting = Targeting()

    /// The published numbers.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "loca", summary: "The weight's change is a sum of few cosine waves whose heights and places are learned.",
        family: "spectral", sites: "linear projections, weight", paper: "Du et al. 2025, arXiv:2502.06820",
        initContract: .equalsBase, mergeContract: .exact)
}

// MARK: Options

extension LoCA {
    /// Its options.
    public static let options: [MethodOption<LoCA>] = [
        .init("n_frequency", \.nFrequency),
        .init("scale", \.scale),
        .init("loca_dropout", \.locaDropout),
        .init("learn_location_iter", \.learnLocationIter),
        .init("coefficient_steps", \.coefficientSteps),
        .init("location_steps", \.locationSteps),
        .init("location_learning_rate", \.locationLearningRate),
        .init("clip_location_grad", \.clipLocationGrad),
        .init("count_forwards", \.countForwards),
        .targetModules, .excludeModules, .modulesToSave,
    ]

    /// Refuses what cannot be, before any model is needed.
    public func validate() throws {
        try require(nFrequency > 0, "n_frequency: must be positive, found \(nFrequency)")
        try require(scale.isFinite && scale != 0, "scale: must be finite and not 0, found \(scale)")
        try require((0..<1).contains(locaDropout), "loca_dropout: must be at least 0 and below 1, found \(locaDropout)")
        try require(learnLocationIter >= 0, "learn_location_iter: must not be negative, found \(learnLocationIter)")
        try require(coefficientSteps > 0, "coefficient_steps: must be positive, found \(coefficientSteps)")
        try require(locationSteps >= 0, "location_steps: must not be negative, found \(locationSteps)")
        try require(
            coefficientSteps <= Int.max / 2 && locationSteps <= Int.max / 2,
            "coefficient_steps, location_steps: too large")
        try require(
            locationLearningRate >= 0 && locationLearningRate.isFinite,
            "location_learning_rate: must be finite and not negative, found \(locationLearningRate)")
    }
}

// MARK: Grafts

extension LoCA {
    /// Waves for each chosen projection.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        try validate()
        var set = GraftSet()
        for site in try linearProjections(of: model, start) {
            try start.requireStored(nFrequency, of: "\(site.path).\(LoCAGraft.spectrumName)")
            set.projections[site.path] = try LoCAGraft(self, at: site, key: start.key.derived(site.path))
        }
        try set.addModules(modulesToSave, of: model)
        return set
    }

    /// Turns of heights and places.
    public func lifecycle(of grafts: GraftSet, on model: Model, _ plan: TrainingPlan) throws -> (any Lifecycle)? {
        LoCALifecycle(self, grafts.projections.values.compactMap { $0 as? LoCAGraft }, plan)
    }

    /// What is trained at a count of the schedule.
    enum Phase: Equatable {
        case coefficients, locations
    }

    /// - Parameter count: steps (or forwards) before this one.
    func phase(at count: Int) -> Phase {
        guard count > 0, count < learnLocationIter else { return .coefficients }
        return count % (coefficientSteps + locationSteps) < coefficientSteps ? .coefficients : .locations
    }
}
