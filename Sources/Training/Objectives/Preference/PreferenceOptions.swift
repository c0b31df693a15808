/// What a training on preferences minimises, under TRL's names. Every key but `loss_type` applies to the losses it is
/// documented with.
public struct PreferenceOptions: Codable, Sendable, Equatable {
    /// The losses.
    public enum LossType: String, Codable, Sendable, CaseIterable {
        case dpo
        case ipo
        case kto
        case orpo
        case simpo
    }

    /// The loss.
    public var lossType = LossType.dpo
    /// β of DPO, KTO and SimPO, τ of IPO, λ of ORPO; nil for the loss's usual one (2 for SimPO, else 0.1).
    public var beta: Double?
    /// ε of DPO.
    public var labelSmoothing = 0.0
    /// γ of SimPO.
    public var simpoGamma = 1.0
    /// Whether IPO takes means over tokens.
    public var ipoAverage = true
    /// λ_D of KTO.
    public var desirableWeight = 1.0
    /// λ_U of KTO.
    public var undesirableWeight = 1.0
    /// Whether ORPO's likelihood counts the prompt's tokens too.
    public var orpoNLLIncludesPrompt = true

    enum CodingKeys: String, CodingKey, CaseIterable {
        case lossType = "loss_type"
        case beta
        case labelSmoothing = "label_smoothing"
        case simpoGamma = "simpo_gamma"
        case ipoAverage = "ipo_average"
        case desirableWeight = "desirable_weight"
        case undesirableWeight = "undesirable_weight"
        case orpoNLLIncludesPrompt = "orpo_nll_includes_prompt"
    }

    /// DPO with the usual settings.
    public init() {}

    /// Reads the keys; absent ones keep their defaults.
    public init(from decoder: any Decoder) throws {
        let keys = try decoder.container(keyedBy: CodingKeys.self)
        lossType = try keys.choice(.lossType, lossType)
        beta = try keys.decodeIfPresent(Double.self, forKey: .beta)
        labelSmoothing = try keys.value(.labelSmoothing, labelSmoothing)
        simpoGamma = try keys.value(.simpoGamma, simpoGamma)
        ipoAverage = try keys.value(.ipoAverage, ipoAverage)
        desirableWeight = try keys.value(.desirableWeight, desirableWeight)
        undesirableWeight = try keys.value(.undesirableWeight, undesirableWeight)
        orpoNLLIncludesPrompt = try keys.value(.orpoNLLIncludesPrompt, orpoNLLIncludesPrompt)
    }

    /// β as it is used.
    public var resolvedBeta: Double { beta ?? (lossType == .simpo ? 2 : 0.1) }

    /// Refuses values that cannot be.
    func validate() throws {
        func require(_ condition: Bool, _ text: String) throws {
            if !condition { throw TrainingError.option(text) }
        }
        try require(
            resolvedBeta > 0 && resolvedBeta.isFinite, "beta: must be a positive number, found \(resolvedBeta)")
        try require(
            (0..<0.5).contains(labelSmoothing), "label_smoothing: must be from 0 to below 0.5, found \(labelSmoothing)")
        try require(
            labelSmoothing == 0 || lossType == .dpo, "label_smoothing: only dpo has it; take it out for \(lossType)")
        try require(simpoGamma >= 0 && simpoGamma.isFinite, "simpo_gamma: must not be negative, found \(simpoGamma)")
        for (key, weight) in [("desirable_weight", desirableWeight), ("undesirable_weight", undesirableWeight)] {
            try require(weight > 0 && weight.isFinite, "\(key): must be a positive number, found \(weight)")
        }
    }
}
