import Networks
import Support

/// The options that choose among modules of any kind, by peft's rules: see `TargetModules`.
struct ModuleSelection {
    var targeting: Targeting
    /// How the options spell the network's paths.
    var names: (String) -> String
    /// Whether every name must match something.
    var isStrict: Bool

    init(_ targeting: Targeting, names: @escaping (String) -> String = { $0 }, isStrict: Bool = true) {
        self.targeting = targeting
        self.names = names
        self.isStrict = isStrict
    }

    /// The paths that are meant, in the given order; all that are not excluded where no target is set.
    /// - Throws: `MethodError.unmatched` for a name that matches none.
    func paths(among all: [String]) throws -> [String] {
        let candidates = try all.filter { try !isExcluded(names($0)) }
        guard let targets = targeting.targetModules else { return candidates }
        let chosen: [String]
        switch targets {
        case .pattern(let pattern):
            let regex = try ModulePattern(pattern, option: "target_modules")
            chosen = try candidates.filter { try regex.matchesWhole(names($0)) }
            if chosen.isEmpty { throw unmatched(pattern, candidates) }
        case .list(let list):
            let missing = list.filter { name in !candidates.contains { ModuleSelection.means(name, names($0)) } }
            if let first = missing.first, isStrict || missing.count == list.count { throw unmatched(first, candidates) }
            chosen = candidates.filter { path in list.contains { ModuleSelection.means($0, names(path)) } }
        }
        return chosen
    }

    /// The paths of the modules that a parameter is in, the largest first.
    static func modules(above parameter: String) -> [String] {
        let parts = parameter.split(separator: ".").dropLast()
        return parts.indices.map { parts[...$0].joined(separator: ".") }
    }

    /// True where a name is a path or its end at a dot.
    static func means(_ name: String, _ path: String) -> Bool {
        path == name || path.hasSuffix("." + name)
    }

    /// True where the options leave a module out, or save it whole: a graft on top would train it twice.
    func isExcluded(_ path: String) throws -> Bool {
        switch targeting.excludeModules {
        case .pattern(let pattern)?:
            if try ModulePattern(pattern, option: "exclude_modules").matchesWhole(path) { return true }
        case .list(let list)?:
            if list.contains(where: { ModuleSelection.means($0, path) }) { return true }
        case nil: break
        }
        return targeting.modulesToSave.contains { saved in
            path == saved || path.hasSuffix("." + saved) || path.hasPrefix(saved + ".")
                || path.contains("." + saved + ".")
        }
    }

    private func unmatched(_ pattern: String, _ candidates: [String]) -> MethodError {
        let ends = candidates.map { names($0) }.flatMap { [$0, String($0.split(separator: ".").last ?? "")] }
        return .unmatched(option: "target_modules", pattern: pattern, nearest: nearestMatch(to: pattern, in: ends))
    }
}
