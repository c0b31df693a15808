import Networks
import Torch

/// P-tuning v2: prefix tuning with the keys and values of every layer as parameters of their own, for understanding as
/// well as generation.
///
///     K ← [P_K; K]        V ← [P_V; V]        P_K, P_V trained
///
/// Shapes, positions, options and files are those of `PrefixTuning`; `prefix_projection` is off by default. The task's
/// head is trained with it. Source: Liu et al. 2022 (arXiv:2110.07602, section 3).
public struct PTuningV2: SavesModules, Equatable {
    /// The options, which prefix tuning shares.
    public var options = PrefixOptions(prefixProjection: false)
    /// Modules that are trained and stored whole, such as a new head.
    public var modulesToSave: [String] {
        get { options.modulesToSave }
        set { options.modulesToSave = newValue }
    }

    /// Twenty rows of their own.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "p-tuning-v2", summary: "Trained keys and values of every layer stand before those of its attention.",
        family: "prompts", sites: "attentions, extra keys and values", paper: "Liu et al. 2022, arXiv:2110.07602",
        initContract: .differs, mergeContract: .never)

    /// Options without a default.
    public static let optionalOptions = PrefixOptions.optionalOptions

    /// Reads the options; absent ones keep their defaults.
    public init(from decoder: any Decoder) throws {
        options = try PrefixOptions(from: decoder, default: options)
    }

    /// Writes what `init(from:)` reads.
    public func encode(to encoder: any Encoder) throws {
        try options.encode(to: encoder)
    }

    /// Keys and values for every attention, and copies of the modules that are saved.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        try options.grafts(for: model, start)
    }

    /// Drops the maps, where there are any, once the training is over.
    public func lifecycle(of grafts: GraftSet, on model: Model, _ plan: TrainingPlan) throws -> (any Lifecycle)? {
        PrefixLifecycle(grafts.prefixes)
    }
}

extension PTuningV2: WritesPeft {
    /// The files of prefix tuning, which computes the same.
    public func peftExport(_ grafts: GraftSet, on model: Model, form: AdapterForm) throws -> PeftExport {
        var method = PrefixTuning()
        method.options = options
        return try method.peftExport(grafts, on: model, form: form)
    }
}
