import Networks
import Torch

/// The options of prefix tuning and P-tuning v2, in peft's names.
public struct PrefixOptions: Sendable, Equatable {
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

    fileprivate func validate() throws {
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
}

/// A method that puts keys and values before those of attentions: prefix tuning and P-tuning v2, which differ in a
/// default and in the name.
public protocol PrefixMethod: SavesModules {
    /// The options of both.
    var options: PrefixOptions { get set }
}

extension PrefixMethod {
    /// Its options.
    public static var options: [MethodOption<Self>] {
        [
            .init("num_virtual_tokens", \.options.numVirtualTokens),
            .init("prefix_projection", \.options.prefixProjection),
            .init("encoder_hidden_size", \.options.encoderHiddenSize),
            .init("init_weights", \.options.initWeights),
            .modulesToSave,
        ]
    }

    /// Modules that are trained and stored whole, such as a new head.
    public var modulesToSave: [String] {
        get { options.modulesToSave }
        set { options.modulesToSave = newValue }
    }

    /// Refuses sizes that no model has.
    public func validate() throws {
        try options.validate()
    }

    /// Keys and values for every attention, and copies of the modules that are saved.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        try validate()
        var set = GraftSet()
        let width = options.encoderHiddenSize ?? model.attentions.values.first?.size
        try set.addPrefix(
            Prefix.Settings(
                count: options.numVirtualTokens, hidden: options.prefixProjection ? width : nil,
                startsAtZero: options.initWeights == .zero),
            for: model, start)
        try set.addModules(modulesToSave, of: model)
        return set
    }

    /// Drops the maps, where there are any, once the training is over.
    public func lifecycle(of grafts: GraftSet, on model: Model, _ plan: TrainingPlan) throws -> (any Lifecycle)? {
        PrefixLifecycle(grafts.prefixes)
    }
}
