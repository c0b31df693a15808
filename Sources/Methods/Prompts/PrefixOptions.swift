import Networks
import Torch

/// The options of prefix tuning and P-tuning v2, in peft's names.
public struct PrefixOptions: Encodable, Sendable, Equatable {
    /// How keys and values start.
    public enum Start: String, Codable, CaseIterable, Sendable {
        /// At zero: each takes a share of the attention, and gives nothing.
        case zero
    }

    /// Rows of keys and values.
    public var numVirtualTokens = 20
    /// Whether maps make the rows while they are trained.
    public var prefixProjection: Bool
    /// Width between the maps; nil for the network's.
    public var encoderHiddenSize: Int?
    /// How keys and values start; nil for random.
    public var initWeights: Start?
    /// Modules that are trained and stored whole, such as a new head.
    public var modulesToSave: [String] = []

    /// The defaults, with maps or without.
    public init(prefixProjection: Bool) {
        self.prefixProjection = prefixProjection
    }

    static let optionalOptions = ["encoder_hidden_size", "init_weights"]

    enum CodingKeys: String, CodingKey {
        case numVirtualTokens = "num_virtual_tokens"
        case prefixProjection = "prefix_projection"
        case encoderHiddenSize = "encoder_hidden_size"
        case initWeights = "init_weights"
        case modulesToSave = "modules_to_save"
    }

    init(from decoder: any Decoder, default base: PrefixOptions) throws {
        self = base
        let options = try decoder.container(keyedBy: CodingKeys.self)
        numVirtualTokens = try options.option(.numVirtualTokens, default: numVirtualTokens)
        prefixProjection = try options.option(.prefixProjection, default: prefixProjection)
        encoderHiddenSize = try options.decodeIfPresent(Int.self, forKey: .encoderHiddenSize)
        initWeights = try options.decodeIfPresent(Start.self, forKey: .initWeights)
        modulesToSave = try options.option(.modulesToSave, default: modulesToSave)
        try validate()
    }

    private func validate() throws {
        guard (1...PrefixOptions.maximum).contains(numVirtualTokens) else {
            throw MethodError.option(
                "num_virtual_tokens: must be between 1 and \(PrefixOptions.maximum), found \(numVirtualTokens)")
        }
        if let size = encoderHiddenSize, !(1...PrefixOptions.maximum).contains(size) {
            throw MethodError.option(
                "encoder_hidden_size: must be between 1 and \(PrefixOptions.maximum), found \(size)")
        }
    }

    /// More rows than any model has positions.
    private static let maximum = 1 << 20

    func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        try validate()
        var set = GraftSet()
        let width = encoderHiddenSize ?? model.attentions.values.first?.size
        try set.addPrefix(
            Prefix.Settings(
                count: numVirtualTokens, hidden: prefixProjection ? width : nil, startsAtZero: initWeights == .zero),
            for: model, start)
        try set.addModules(modulesToSave, of: model)
        return set
    }
}
