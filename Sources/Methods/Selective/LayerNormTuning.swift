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
public struct LayerNormTuning: TargetsModules, Equatable {
    /// Which norms; all by default.
    public var targeting = Targeting()

    /// Every norm.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "ln_tuning", summary: "The weights and biases of the normalisations are trained, nothing else.",
        family: "selective", sites: "norms, whole parameters", paper: "Zhao et al. 2023, arXiv:2312.11420",
        initContract: .equalsBase, mergeContract: .exact)

    /// Its options.
    public static let options: [MethodOption<LayerNormTuning>] = [
        .targetModules, .excludeModules, .modulesToSave,
    ]

    /// Copies of the parameters of each chosen norm, and of the modules that are saved.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        let norms = try selection(start).paths(among: Array(model.norms.keys))
        var set = GraftSet()
        for norm in norms.compactMap({ model.norms[$0] }) {
            for parameter in [norm.weight, norm.bias].compactMap({ $0 }) { try set.add(copyOf: parameter) }
        }
        try set.addModules(modulesToSave, of: model)
        return set
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
        let saved = ModuleSelection(Targeting(modulesToSave: modulesToSave))
        let norms = try model.norms.values.filter { norm in
            try grafts.parameters[norm.weight.name] != nil && !saved.isExcluded(norm.path)
        }
        var method = self
        // peft has norms of its own choice where none are named, and the options may spell another program's names.
        if targetModules == nil
            || (try? ModuleSelection(targeting).paths(among: Array(model.norms.keys))) != norms.map(\.path)
        {
            (method.targetModules, method.excludeModules) = (.list(norms.map(\.path)), nil)
        }
        let names = norms.flatMap { [$0.weight.name, $0.bias?.name].compactMap { $0 } }
        let tensors = try names.compactMap { name in
            try grafts.parameters[name].map { (name: name, tensor: try $0.value.detach()) }
        }
        return PeftExport(method: method, tensors: tensors)
    }
}
