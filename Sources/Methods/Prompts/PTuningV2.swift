import Networks
import Torch

/// P-tuning v2: prefix tuning with the keys and values of every layer as parameters of their own, for understanding as
/// well as generation.
///
///     K ← [P_K; K]        V ← [P_V; V]        P_K, P_V trained
///
/// Shapes, positions, options and files are those of `PrefixTuning`; `prefix_projection` is off by default. The task's
/// head is trained with it. Source: Liu et al. 2022 (arXiv:2110.07602, section 3).
public struct PTuningV2: PrefixMethod, Equatable {
    /// The options, which prefix tuning shares.
    public var options = PrefixOptions(prefixProjection: false)

    /// Twenty rows of their own.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "p-tuning-v2", summary: "Trained keys and values of every layer stand before those of its attention.",
        family: "prompts", sites: "attentions, extra keys and values", paper: "Liu et al. 2022, arXiv:2110.07602",
        initContract: .differs, mergeContract: .never)
}

extension PTuningV2: WritesPeft {
    /// The files of prefix tuning, which computes the same.
    public func peftExport(_ grafts: GraftSet, on model: Model, form: AdapterForm) throws -> PeftExport {
        var method = PrefixTuning()
        method.options = options
        return try method.peftExport(grafts, on: model, form: form)
    }
}
