import Networks
import Torch

/// Full fine-tuning: a trainable copy of every parameter stands in the base's place,
///
///     θ = θ₀ + Δθ,  Δθ of any rank
///
/// so that the base itself stays as it was. This is what every parameter-efficient method is measured against, and how a
/// new model is trained from scratch. Weights that are tied in the base stay tied: they are one parameter.
///
/// Source: Howard and Ruder 2018 (arXiv:1801.06146) for fine-tuning a whole pretrained language model.
public struct FullTuning: Method, Equatable {
    /// There is nothing to choose.
    public init() {}

    /// What full fine-tuning declares about itself.
    public static let card = MethodCard(
        name: "full", summary: "Every parameter of the model is trained.", family: "full",
        sites: "every parameter, replaced", paper: "Howard and Ruder 2018, arXiv:1801.06146",
        initContract: .equalsBase, mergeContract: .exact)

    /// None.
    public static let options: [MethodOption<FullTuning>] = []

    /// A copy of every floating-point parameter, by its name.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        var grafts = GraftSet()
        for parameter in model.parameters.values where try parameter.base.dtype.isFloatingPoint {
            try grafts.add(copyOf: parameter)
        }
        return grafts
    }
}
