import Networks
import Support
import Tokenizers

/// Which modules an option means: a list of names (exact, or the end of a path at a dot), a regular expression for the
/// whole path, or the shorthand `all-linear`. The rules are Hugging Face peft's; what matches nothing is an error.
public enum TargetModules: Codable, Sendable, Equatable {
    case list([String])
    case pattern(String)

    /// Every linear layer but the output head.
    public static let allLinear = TargetModules.pattern("all-linear")

    /// A string or an array of strings.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) {
            self = .pattern(text)
        } else {
            self = .list(try container.decode([String].self))
        }
    }

    /// Writes what `init(from:)` reads.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .list(let names): try container.encode(names)
        case .pattern(let text): try container.encode(text)
        }
    }

    var isAllLinear: Bool { self == .allLinear || self == .pattern("ALL-LINEAR") }
}

/// The options that choose projections, in peft's names.
struct TargetSelection {
    var targeting: Targeting
    var layers: LayerChoice
    /// How the options spell the network's paths.
    var names: (String) -> String
    /// Whether every name must match something.
    var isStrict: Bool

    init(
        _ targeting: Targeting, layers: LayerChoice = LayerChoice(), names: @escaping (String) -> String = { $0 },
        isStrict: Bool = true
    ) {
        self.targeting = targeting
        self.layers = layers
        self.names = names
        self.isStrict = isStrict
    }

    /// The projections that are meant, in the order of the network.
    func projections(of model: Model) throws -> [Projection] {
        let all = Array(model.projections.values)
        var selection = ModuleSelection(targeting, names: names, isStrict: isStrict)
        let candidates = try all.filter { try !selection.isExcluded(names($0.path)) }
        let targets = try targeting.targetModules ?? defaultTargets(candidates)
        let chosen: [Projection]
        if targets.isAllLinear {
            chosen = candidates.filter { $0.isLinear && !$0.isOutputHead }
        } else {
            selection.targeting.targetModules = targets
            let paths = Set(try selection.paths(among: candidates.map(\.path)))
            chosen = candidates.filter { paths.contains($0.path) }
        }
        let inLayers = chosen.filter { layers.contains(names($0.path)) }
        guard !inLayers.isEmpty else {
            throw MethodError.option(
                "layers_to_transform: none of the \(chosen.count) matched modules is in the layers \(layers.layersToTransform ?? [])"
            )
        }
        return inLayers
    }

    /// Query and value projections, by the names that the families use.
    private func defaultTargets(_ candidates: [Projection]) throws -> TargetModules {
        let conventions = [["q_proj", "v_proj"], ["query", "value"], ["q", "v"], ["c_attn"], ["qkv"], ["qkv_proj"]]
        for names in conventions
        where names.allSatisfy({ name in candidates.contains { ModuleSelection.means(name, $0.path) } }) {
            return .list(names)
        }
        throw MethodError.option(
            "target_modules: this model has no query and value projections to choose by default; name the modules "
                + "(`graft inspect MODEL` lists them) or use all-linear")
    }
}

extension Projection {
    /// A linear layer in either layout.
    var isLinear: Bool {
        switch kind {
        case .linear, .transposedLinear: true
        case .embedding, .convolution: false
        }
    }

    /// True for the layer that gives a task's scores.
    var isOutputHead: Bool {
        ["lm_head", "score", "classifier", "head", "classifier.out_proj", "lm_head.decoder", "cls.predictions.decoder"]
            .contains(path)
    }
}

/// A regular expression over module paths.
struct ModulePattern {
    private let regex: BoundedPattern
    private let (source, option): (String, String)

    /// Configurations come from strangers, and Swift's own expressions have no bound on their time.
    init(_ pattern: String, option: String) throws {
        do {
            regex = try BoundedPattern(pattern)
            (source, self.option) = (pattern, option)
        } catch {
            throw MethodError.option("\(option): `\(pattern)` is not a valid regular expression")
        }
    }

    /// Whether the whole path matches.
    ///
    /// - Throws: `MethodError.option` where that takes too many steps.
    func matchesWhole(_ path: String) throws -> Bool {
        do {
            return try regex.matchesWhole(path)
        } catch {
            throw MethodError.option(
                "\(option): `\(source)` takes too many steps on `\(path)`; write it without nested repetitions")
        }
    }
}

/// Values that differ by module: the first key whose expression matches the end of a path, at a dot or the start.
struct ModulePatterns<Value> {
    private let entries: [(key: String, pattern: ModulePattern, value: Value)]
    private let option: String

    init(_ values: [(key: String, value: Value)], option: String) throws {
        self.option = option
        entries = try values.map { key, value in
            // `^` inside the group anchors to the start, as it does in Python's re.match.
            (key, try ModulePattern("(.*\\.)?(\(key))", option: option), value)
        }
    }

    func value(for path: String) throws -> Value? {
        try entries.first { try $0.pattern.matchesWhole(path) }?.value
    }

    /// Every key must match one of the adapted modules.
    func requireMatches(in paths: [String]) throws {
        for entry in entries {
            if try paths.contains(where: { try entry.pattern.matchesWhole($0) }) { continue }
            throw MethodError.unmatched(
                option: option, pattern: entry.key, nearest: nearestMatch(to: entry.key, in: paths))
        }
    }
}

extension Projection {
    /// Refuses a target that is no linear layer, for methods that are defined for those alone.
    func requireLinear(for method: String) throws {
        guard isLinear else {
            throw MethodError.option("target_modules: \(path) is not a linear layer, the only kind \(method) adapts")
        }
    }
}
