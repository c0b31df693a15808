import JSON
import Methods
import Reporting

/// A recipe that is to be run: its configuration under the budget, and what it is.
struct ComparisonPlan {
    let name: String
    var configuration: TrainingConfiguration
    let identity: ComparisonIdentity
    /// Of all options, the values of those that should be the same in all recipes of a group.
    let conditions: [(key: String, value: String)]

    /// What the recipe sets otherwise than the defaults, besides the conditions.
    let choices: [String]

    init(
        name: String, _ recipe: TrainingConfiguration, _ budget: ComparisonBudget, output: String,
        known: inout [String: String]
    ) throws {
        self.name = name
        var configuration = recipe
        configuration.outputDirectory = output
        if let steps = budget.steps { configuration.training.maxSteps = steps }
        self.configuration = configuration
        let further = budget.seconds.map { "seconds \($0)" } ?? ""
        identity = try ComparisonIdentity(configuration, further: further, known: &known)
        conditions = try Self.conditions(configuration, identity, budget)
        choices = try Self.choices(recipe, budget)
    }

    /// The method's slug.
    var method: String { type(of: configuration.method).card.name }

    /// What makes two recipes comparable.
    var group: [String] { [configuration.task.rawValue, identity.model, identity.files["train_file"] ?? ""] }

    /// Options of the method first, then those of the training.
    private static func choices(_ recipe: TrainingConfiguration, _ budget: ComparisonBudget) throws -> [String] {
        let method = type(of: recipe.method)
        let own = try object(MethodConfiguration(recipe.method).json)
        let usual = try object(MethodConfiguration(method.init()).json)
        let conditions = Set((conditionKeys + (budget.setsSteps ? courseKeys : [])).map(\.rawValue))
        let training = try object(JSON(encoding: recipe.training)).filter { !conditions.contains($0.key) }
        let usualTraining = try object(JSON(encoding: TrainingArguments()))
        return (own.filter { $0.value != usual[$0.key] } + training.filter { $0.value != usualTraining[$0.key] })
            .map { "\($0.key) \($0.value.serialized())" }
    }

    private static func object(_ json: JSON) -> JSON.Object {
        if case .object(let object) = json { object } else { JSON.Object() }
    }

    private typealias Keys = TrainingArguments.CodingKeys
    private static let conditionKeys: [Keys] = [
        .seed, .perDeviceTrainBatchSize, .perDeviceEvalBatchSize, .gradientAccumulationSteps, .device, .threads,
    ]

    /// A budget of steps or seconds makes these meaningless.
    private static let courseKeys: [Keys] = [.numTrainEpochs, .maxSteps]

    private static func conditions(
        _ configuration: TrainingConfiguration, _ identity: ComparisonIdentity, _ budget: ComparisonBudget
    ) throws -> [(key: String, value: String)] {
        guard case .object(let object) = try configuration.json else { return [] }
        var keys = DataOptions.CodingKeys.allCases.map(\.rawValue)
        keys += conditionKeys.map(\.rawValue)
        if !budget.setsSteps { keys += courseKeys.map(\.rawValue) }
        return keys.filter { $0 != "train_file" }.map { key in
            guard let digest = identity.files[key] else { return (key, object[key]?.serialized() ?? "null") }
            return (key, "\(object[key]?.serialized() ?? "") (\(digest.suffix(8)))")
        }
    }

    /// Sentences on conditions that differ between recipes of one group.
    static func differences(_ plans: [ComparisonPlan]) -> [String] {
        guard let first = plans.first else { return [] }
        return first.conditions.indices.compactMap { place in
            var values: [(value: String, names: [String])] = []
            for plan in plans {
                let value = plan.conditions[place].value
                if let known = values.firstIndex(where: { $0.value == value }) {
                    values[known].names.append(plan.name)
                } else {
                    values.append((value, [plan.name]))
                }
            }
            guard values.count > 1 else { return nil }
            let parts = values.map { "\($0.value == "null" ? "none" : $0.value) (\(Self.listed($0.names)))" }
            return "\(first.conditions[place].key) differs: \(parts.joined(separator: ", "))"
        }
    }

    private static func listed(_ names: [String]) -> String {
        let shown = 5
        let rest = names.count - shown
        return names.prefix(shown).joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
    }
}
