import JSON
import Networks
import Support
import Torch

/// Training of the normalisations alone: of each chosen norm, a copy of its weight and its bias takes the base's place.
///
///     y = (x − mean) / std ∘ w′ + b′        w′, b′ start as the base's w, b
///
/// w′ and b′ have the norm's size. Nothing else is trained. Options have the names of Hugging Face peft's
/// `LNTuningConfig`; without `target_modules`, every norm of the network is meant, where peft has a list per family.
///
/// Source: Zhao et al. 2023 (arXiv:2312.11420), section 3.
public struct LayerNormTuning: SavesModules, Equatable {
    /// Which norms; nil for all.
    public var targetModules: TargetModules?
    /// Norms that are left out again.
    public var excludeModules: TargetModules?
    /// Modules that are trained and stored whole, such as a new head.
    public var modulesToSave: [String] = []

    /// Every norm.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "ln_tuning", summary: "The weights and biases of the normalisations are trained, nothing else.",
        family: "selective", sites: "norms, whole parameters", paper: "Zhao et al. 2023, arXiv:2312.11420",
        initContract: .equalsBase, mergeContract: .exact)

    /// Options without a default.
    public static let optionalOptions = ["target_modules", "exclude_modules"]

    enum CodingKeys: String, CodingKey {
        case targetModules = "target_modules"
        case excludeModules = "exclude_modules"
        case modulesToSave = "modules_to_save"
    }

    /// Reads the options; absent ones keep their defaults.
    public init(from decoder: any Decoder) throws {
        let options = try decoder.container(keyedBy: CodingKeys.self)
        targetModules = try options.decodeIfPresent(TargetModules.self, forKey: .targetModules)
        excludeModules = try options.decodeIfPresent(TargetModules.self, forKey: .excludeModules)
        modulesToSave = try options.option(.modulesToSave, default: modulesToSave)
    }

    /// Copies of the parameters of each chosen norm, and of the modules that are saved.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        let norms = try ModuleSelection(
            targets: targetModules, excluded: excludeModules, modulesToSave: modulesToSave, names: start.names,
            isStrict: start.isStrict
        ).paths(among: model.normPaths)
        var set = GraftSet()
        for norm in norms {
            for name in LayerNormTuning.parameterNames(of: norm) {
                if let parameter = model.parameters[name] { try set.add(copyOf: parameter) }
            }
        }
        try set.addModules(modulesToSave, of: model)
        return set
    }

    private static func parameterNames(of norm: String) -> [String] {
        ["\(norm).weight", "\(norm).bias"]
    }
}

// MARK: peft

extension LayerNormTuning: PeftMethod {
    public static let peft = PeftFormat(
        types: ["LN_TUNING"],
        endings: [.init("ln_tuning_layers.weight", "weight"), .init("ln_tuning_layers.bias", "bias")])

    /// The parameters of norms; those of saved modules are written as whole parameters.
    public func peftExport(_ grafts: GraftSet, on model: Model, form: AdapterForm) throws -> PeftExport {
        let names = Set(model.normPaths.flatMap(LayerNormTuning.parameterNames))
        var method = self
        // peft knows the norms of some families only.
        if targetModules == nil {
            let paths = model.normPaths.filter { path in grafts.parameters.keys.contains { $0.hasPrefix(path + ".") } }
            method.targetModules = .list(paths)
        }
        let variables = grafts.parameters.values.filter { names.contains($0.name) }
        return PeftExport(method: method, tensors: try variables.map { ($0.name, try $0.value.detach()) })
    }
}

extension Model {
    /// The paths of the normalisations: modules of a weight vector and at most a bias beside it.
    fileprivate var normPaths: [String] {
        parameters.values.compactMap { parameter in
            guard parameter.name.hasSuffix(".weight"), (try? parameter.base.rank) == 1 else { return nil }
            let path = String(parameter.name.dropLast(".weight".count))
            return projections[path] == nil ? path : nil
        }
    }
}
