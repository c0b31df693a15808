import Networks
import Torch

/// The prefix at one attention.
final class PrefixGraft: AttentionGraft, HoldsPrefix {
    let prefix: Prefix

    init(_ prefix: Prefix) {
        self.prefix = prefix
    }

    var variables: [Variable] { prefix.variables }

    func extraKeysAndValues(at site: AttentionSite, _ context: ForwardContext) throws -> (keys: Tensor, values: Tensor)?
    {
        try prefix.keysAndValues(at: site, context)
    }
}

/// Where a forward with prefixes begins.
final class PrefixBeginning: TokenGraft {
    private let prefixes: [Prefix]
    private let shift: Int

    /// - Parameters:
    ///   - prefixes: those of the body's attentions.
    ///   - shift: how far the tokens' positions move on.
    init(_ prefixes: [Prefix], shift: Int) {
        self.prefixes = prefixes
        self.shift = shift
    }

    var variables: [Variable] { prefixes.flatMap(\.variables) }

    func embedded(_ x: Tensor, _ input: inout ModelInput, at body: Body, _ context: ForwardContext) throws -> Tensor {
        for prefix in prefixes { try prefix.begin() }
        input.positionOffset += shift
        // Positions that a batch brings, as packed rows do, are moved as well.
        input.positionIDs = try input.positionIDs.map { shift == 0 ? $0 : try ($0 + Double(shift)).to(.int64) }
        return x
    }
}

/// Drops what prefixes were made from once they are trained.
final class PrefixLifecycle: Lifecycle {
    private let prefixes: [Prefix]

    /// - Returns: nil where there is no prefix.
    init?(_ prefixes: [Prefix]) {
        guard !prefixes.isEmpty else { return nil }
        self.prefixes = prefixes
    }

    var worksWithoutGradients: Bool { true }

    func trainingDidEnd(_ moment: StepMoment) throws {
        for prefix in prefixes { try prefix.finish() }
    }
}

extension GraftSet {
    /// Puts a prefix at the attentions that its reach names, and lets each forward begin with it.
    /// - Parameter graft: what stands at an attention.
    mutating func addPrefix(
        _ settings: Prefix.Settings, for model: Model, _ start: GraftStart,
        graft: (Prefix, AttentionSite) throws -> any AttentionGraft = { prefix, _ in PrefixGraft(prefix) }
    ) throws {
        let kinds = Prefix.kinds(settings.reach, of: model)
        var prefixes: [String: [Prefix]] = [:]
        for kind in kinds {
            let prefix = try Prefix(settings, kind, start)
            prefixes[kind.body, default: []].append(prefix)
            for site in kind.sites { attentions[site.path] = try graft(prefix, site) }
        }
        for path in model.bodies.keys {
            guard let own = prefixes[path] else { continue }
            tokens[path] = PrefixBeginning(own, shift: settings.shiftsPositions ? settings.count : 0)
        }
    }

    /// The prefixes of the set, one for each kind of attention.
    var prefixes: [Prefix] {
        var seen: Set<ObjectIdentifier> = []
        return attentions.values.compactMap { ($0 as? any HoldsPrefix)?.prefix }.filter {
            seen.insert(ObjectIdentifier($0)).inserted
        }
    }

    /// The prefix of a set that has one; nil for none.
    var prefix: Prefix? { prefixes.first }
}

/// A graft that computes with a prefix.
protocol HoldsPrefix {
    var prefix: Prefix { get }
}
