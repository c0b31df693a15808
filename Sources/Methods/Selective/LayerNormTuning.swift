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
        var selection = selection()
        (selection.names, selection.isStrict) = (start.names, start.isStrict)
        let norms = try selection.paths(among: Array(model.norms.keys))
        var set = GraftSet()
        for norm in norms.compactMap({ model.norms[$0] }) {
            for parameter in [norm.weight, norm.bias].compactMap({ $0 }) { try set.add(copyOf: parameter) }
        }
        try set.addModules(modulesToSave, of: model)
        return set
    }

    private func selection() -> ModuleSelection {
        ModuleSelection(targets: targetModules, excluded: excludeModules, modulesToSave: modulesToSave)
    }
}

// MARK: peft

extension LayerNormTuning: PeftMethod {
    /// peft keeps a copy of the whole norm below it.
    public static let peft = PeftFormat(
        types: ["LN_TUNING"],
        endings: [.init("ln_tuning_layers.weight", "weight"), .init("ln_tuning_layers.bias", "bias")])

    /// The parameters of norms; those of saved modules are written as whole parameters.
    public func peftExport(_ grafts: GraftSet, on model: Model, form: AdapterForm) throws -> PeftExport {
        guard form != .uniform else {
            throw MethodError.unwritable("the form uniform evens out ranks, and ln_tuning has none")
        }
        let saved = ModuleSelection(modulesToSave: modulesToSave)
        let norms = try model.norms.values.filter { norm in
            try grafts.parameters[norm.weight.name] != nil && !saved.isExcluded(norm.path)
        }
        var method = self
        // peft has norms of its own choice where none are named, and the options may spell another program's names.
        if targetModules == nil || (try? selection().paths(among: Array(model.norms.keys))) != norms.map(\.path) {
            (method.targetModules, method.excludeModules) = (.list(norms.map(\.path)), nil)
        }
        let names = norms.flatMap { [$0.weight.name, $0.bias?.name].compactMap { $0 } }
        let tensors = try names.compactMap { name in
            try grafts.parameters[name].map { (name: name, tensor: try $0.value.detach()) }
        }
        return PeftExport(method: method, tensors: tensors)
    }
}
