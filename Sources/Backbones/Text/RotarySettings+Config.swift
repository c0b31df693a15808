import Foundation
import JSON
import Networks

/// What a family says about its rotary embedding beside the configuration's fields.
struct RotaryFamily {
    /// Features of a head.
    var headSize: Int
    /// `max_position_embeddings`.
    var positions: Int
    /// `rope_theta` where no field gives it.
    var theta = 10_000.0
    /// The same for layers with a window, in families that tell them apart (Gemma 3).
    var windowTheta: Double?
    /// `partial_rotary_factor` has an effect.
    var turnsPart = false
    /// `original_max_position_embeddings` where no field gives it; nil for `positions`.
    var trainedPositions: Int?
    /// Scalings by other names than the common ones.
    var synonyms: [String: String] = [:]
}

extension RotarySettings {
    /// Reads `rope_parameters` of newer files, flat or by kind of layer, and `rope_theta` with `rope_scaling` of older
    /// ones, whose kind is named `rope_type` or `type`.
    /// - Returns: the settings of layers that see everything, and those of layers with a window where they differ.
    static func read(_ config: ModelConfig, _ family: RotaryFamily) throws
        -> (all: RotarySettings, windowed: RotarySettings?)
    {
        let theta = try config.double("rope_theta", default: family.theta)
        func nonEmpty(_ key: String) throws -> ModelConfig? {
            try config.nested(key).flatMap { try $0.node.object().isEmpty ? nil : $0 }
        }
        let (older, newer) = (try nonEmpty("rope_scaling"), try nonEmpty("rope_parameters"))
        let byKind = try newer.map { (try $0.nested("full_attention"), try $0.nested("sliding_attention")) }
        let isByKind = byKind?.0 != nil || byKind?.1 != nil
        let none = ModelConfig(.object([:]))
        if let windowTheta = family.windowTheta {
            guard isByKind || newer == nil else {
                throw NetworkError.unsupported(
                    "config.json: rope_parameters must be given by kind of layer, full_attention and sliding_attention")
            }
            let windowTheta = try config.double("rope_local_base_freq", default: windowTheta)
            return (
                try RotarySettings(older ?? byKind?.0 ?? none, theta: theta, config, family),
                try RotarySettings(byKind?.1 ?? none, theta: windowTheta, config, family)
            )
        }
        if older == nil, isByKind {
            return (
                try RotarySettings(byKind?.0 ?? none, theta: theta, config, family),
                try RotarySettings(byKind?.1 ?? none, theta: theta, config, family)
            )
        }
        return (try RotarySettings(older ?? newer ?? none, theta: theta, config, family), nil)
    }

    /// Reads one set of fields.
    /// - Parameter theta: where they name none.
    private init(_ fields: ModelConfig, theta: Double, _ config: ModelConfig, _ family: RotaryFamily) throws {
        let spelled = try fields.optional("rope_type")?.string() ?? fields.string("type", default: "default")
        let type = family.synonyms[spelled] ?? spelled
        self.theta = try fields.double("rope_theta", default: theta)
        positions = family.positions
        trainedPositions = try config.int(
            "original_max_position_embeddings",
            default: family.trainedPositions ?? fields.int("original_max_position_embeddings", default: positions))
        size = family.headSize
        scaling = .none
        let share = try fields.double(
            "partial_rotary_factor", default: config.double("partial_rotary_factor", default: 1))
        guard self.theta > 0, self.theta.isFinite, share > 0, share <= 1 else {
            throw NetworkError.unsupported(
                "config.json: rope_theta must be above 0 and partial_rotary_factor above 0 and at most 1, found "
                    + "\(self.theta) and \(share)")
        }
        if family.turnsPart { size = Int(Double(family.headSize) * share) }
        // Under the default kind the other families' layers turn the whole head, whatever the field says.
        if !family.turnsPart, share != 1, type != "default", type != "proportional" {
            throw NetworkError.unsupported(
                "config.json: partial_rotary_factor \(share) with rope_type `\(type)` is not supported for this family")
        }
        try read(type, fields, share: share)
        guard size > 0, (size + 1) / 2 * 2 <= family.headSize else {
            throw NetworkError.unsupported(
                "config.json: heads of \(family.headSize) features cannot turn \(size) of them in pairs")
        }
    }

    private mutating func read(_ type: String, _ fields: ModelConfig, share: Double) throws {
        switch type {
        case "default": break
        case "linear": scaling = .linear(factor: try RotarySettings.factor(fields))
        case "proportional":
            scaling = .proportional(factor: try fields.double("factor", default: 1), share: share)
        case "dynamic":
            guard size > 2 else {
                throw NetworkError.unsupported("config.json: dynamic rope scaling needs heads of more than 2 features")
            }
            scaling = .dynamic(factor: try RotarySettings.factor(fields))
        case "llama3":
            scaling = .llama3(
                factor: try RotarySettings.factor(fields), low: try fields.node.field("low_freq_factor").double(),
                high: try fields.node.field("high_freq_factor").double())
        case "yarn": try readYarn(fields)
        case "longrope": try readLongrope(fields)
        default:
            let known = ["default", "linear", "dynamic", "yarn", "longrope", "llama3", "proportional"]
            throw NetworkError.unsupported(
                "config.json: rope_type `\(type)` is not supported; supported: \(known.joined(separator: ", "))")
        }
    }

    private mutating func readYarn(_ fields: ModelConfig) throws {
        let factor = try fields.double("factor", default: Double(positions) / Double(trainedPositions))
        // 0 and null mean the defaults, as absence does.
        func positive(_ key: String, _ value: Double) throws -> Double {
            let found = try fields.double(key, default: value)
            return found == 0 ? value : found
        }
        scaling = .yarn(
            RotaryScaling.Yarn(
                factor: factor, fast: try positive("beta_fast", 32), slow: try positive("beta_slow", 1),
                truncates: try fields.bool("truncate", default: !fields.isNull("truncate"))))
        func amplitude(_ weight: Double) -> Double { factor <= 1 ? 1 : 0.1 * weight * log(factor) + 1 }
        let (scale, all) = (try fields.double("mscale", default: 0), try fields.double("mscale_all_dim", default: 0))
        let inferred = scale != 0 && all != 0 ? amplitude(scale) / amplitude(all) : amplitude(1)
        self.amplitude = try fields.double("attention_factor", default: inferred)
    }

    private mutating func readLongrope(_ fields: ModelConfig) throws {
        let lists = try ["short_factor", "long_factor"].map { key in
            let list = try fields.node.field(key).elements().map { try $0.double() }
            guard list.count == (size + 1) / 2 else {
                throw NetworkError.unsupported(
                    "config.json: \(key) has \(list.count) factors for \((size + 1) / 2) pairs of features")
            }
            return list
        }
        scaling = .longrope(short: lists[0], long: lists[1])
        let factor = try fields.double("factor", default: Double(positions) / Double(trainedPositions))
        let inferred = factor <= 1 ? 1 : (1 + log(factor) / log(Double(trainedPositions))).squareRoot()
        amplitude = try fields.double("attention_factor", default: inferred)
    }

    private static func factor(_ fields: ModelConfig) throws -> Double {
        try fields.node.field("factor").double()
    }
}
