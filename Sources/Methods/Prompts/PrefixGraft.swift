import Networks
import Torch

/// The prefix at one attention.
final class PrefixGraft: AttentionGraft {
    let prefix: Prefix

    init(_ prefix: Prefix) {
        self.prefix = prefix
    }

    var variables: [Variable] { prefix.variables }

    func extraKeysAndValues(at site: AttentionSite, _ context: ForwardContext) throws -> (keys: Tensor, values: Tensor)
    {
        try prefix.keysAndValues(at: site, context)
    }
}

/// Where a forward with a prefix begins.
final class PrefixBeginning: TokenGraft {
    private let prefix: Prefix
    private let shift: Int

    /// - Parameter shift: how far the tokens' positions move on.
    init(_ prefix: Prefix, shift: Int) {
        self.prefix = prefix
        self.shift = shift
    }

    var variables: [Variable] { prefix.variables }

    func embedded(_ x: Tensor, _ input: inout ModelInput, at body: Body, _ context: ForwardContext) throws -> Tensor {
        try prefix.begin()
        input.positionOffset += shift
        // Positions that a batch brings, as packed rows do, are moved as well.
        input.positionIDs = try input.positionIDs.map { shift == 0 ? $0 : try ($0 + Double(shift)).to(.int64) }
        return x
    }
}

/// Drops what a prefix was made from once it is trained.
final class PrefixLifecycle: Lifecycle {
    private let prefix: Prefix

    init(_ prefix: Prefix) {
        self.prefix = prefix
    }

    func trainingDidEnd(_ moment: StepMoment) throws {
        try prefix.finish()
    }
}

extension GraftSet {
    /// Puts a prefix at every attention.
    mutating func addPrefix(_ settings: Prefix.Settings, for model: Model, _ start: GraftStart) throws {
        let prefix = try Prefix(settings, for: model, start)
        for path in model.attentions.keys { attentions[path] = PrefixGraft(prefix) }
        for path in model.bodies.keys {
            tokens[path] = PrefixBeginning(prefix, shift: settings.shiftsPositions ? settings.count : 0)
        }
    }

    /// The prefix of the set; nil for none.
    var prefix: Prefix? {
        attentions.values.lazy.compactMap { $0 as? PrefixGraft }.first?.prefix
    }
}
