import Networks
import Torch

/// Scaling and shifting of features: behind every linear layer, convolution and norm stands a factor and a shift of each
/// channel, the only things that are trained.
///
///     y′ = γ ∘ y + β        γ, β [channels]
///
/// The channels of a convolution's output [rows, channels, height, width] are its second dimension, those of all other
/// outputs the last. Folded into the weights: W′ = diag(γ) W, b′ = γ ∘ b + β, for a norm w′ = γ ∘ w as well. A layer that
/// has no bias has no place for β: its adapter works, but cannot be merged.
///
/// Defaults are the authors': γ from N(1, 0.02²), β from N(0, 0.02²), so that a fresh adapter differs from the base by
/// intent; `init_weights: identity` starts exactly at the base. Neither γ nor β decays. Without `target_modules` every
/// linear layer, convolution and norm is meant but the head. Source: Lian et al. 2022 (arXiv:2210.08823, equations 1 and
/// 4) and the authors' code, whose test of sizes for the channel axis is replaced by what each layer declares.
public struct SSF: TargetsModules, Equatable {
    /// How γ and β start.
    public enum Start: String, Codable, CaseIterable, Sendable {
        /// Around 1 and 0 with deviation 0.02.
        case normal
        /// At 1 and 0.
        case identity
    }

    /// How γ and β start.
    public var initWeights = Start.normal
    /// Which linear layers, convolutions and norms; all but the head by default.
    public var targeting = Targeting()

    /// The authors' defaults.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "ssf",
        summary: "A trained factor and shift of each channel behind linear layers, convolutions and norms.",
        family: "scaling", sites: "outputs of linear and convolution projections and of norms",
        paper: "Lian et al. 2022, arXiv:2210.08823", initContract: .differs, mergeContract: .exact)

    /// Its options.
    public static let options: [MethodOption<SSF>] = [
        .init("init_weights", \.initWeights),
        .targetModules, .excludeModules, .modulesToSave,
    ]

    /// A pair for each chosen layer, and copies of the modules that are saved.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        let projections = model.projections.values.filter { !$0.isEmbedding }.filter {
            targetModules != nil || !$0.isOutputHead
        }
        let chosen = Set(try selection(start).paths(among: projections.map(\.path) + model.norms.keys))
        var set = GraftSet()
        for site in projections where chosen.contains(site.path) {
            set.projections[site.path] = try SSFGraft(
                initWeights, path: site.path, size: site.outputSize, axis: site.channelAxis, start)
        }
        for site in model.norms.values where chosen.contains(site.path) {
            set.norms[site.path] = try SSFGraft(initWeights, path: site.path, size: site.size, axis: -1, start)
        }
        guard !set.variables.isEmpty else {
            throw MethodError.option("exclude_modules: every layer is left out, so there is nothing to train")
        }
        try set.addModules(modulesToSave, of: model)
        return set
    }
}

/// γ and β of one layer's output.
final class SSFGraft: ProjectionGraft, NormGraft {
    /// γ [channels].
    let scale: Variable
    /// β [channels].
    let shift: Variable
    private let axis: Int

    /// - Parameter axis: the dimension of the output that counts channels: 1 or the last.
    init(_ weights: SSF.Start, path: String, size: Int, axis: Int, _ start: GraftStart) throws {
        let (scaleName, shiftName) = ("\(path).ssf_scale", "\(path).ssf_shift")
        try start.requireStored(size, of: scaleName)
        let (ones, zeros) = (try Tensor.ones([size]), try Tensor.zeros([size]))
        switch weights {
        case .identity:
            scale = try Variable(scaleName, ones)
            shift = try Variable(shiftName, zeros)
        case .normal:
            let key = start.key.derived(path)
            scale = try Variable(scaleName, ones + Tensor.normal([size], std: 0.02, key: key.derived("scale")))
            shift = try Variable(shiftName, Tensor.normal([size], std: 0.02, key: key.derived("shift")))
        }
        self.axis = axis
    }

    var variables: [Variable] { [scale, shift] }

    func adding(
        to output: Tensor, base: Tensor, x: Tensor, at site: Projection, _ context: ForwardContext
    ) throws -> Tensor {
        try scaled(output)
    }

    func output(_ y: Tensor, at site: Norm, _ context: ForwardContext) throws -> Tensor {
        try scaled(y)
    }

    /// γ ∘ y + β in the type of `y`.
    private func scaled(_ y: Tensor) throws -> Tensor {
        let shape = axis == 1 ? [1, -1] + Array(repeating: 1, count: max(0, try y.rank - 2)) : [-1]
        let wide = try y.to(scale.value.dtype)
        return try (wide * scale.value.reshape(shape) + shift.value.reshape(shape)).to(y.dtype)
    }

    /// diag(γ) W and γ ∘ b + β; a bias is made where there is none.
    func merged(weight: Tensor, bias: Tensor?, at site: Projection) throws -> (weight: Tensor, bias: Tensor?) {
        let factor = try scale.value.to(weight.dtype)
        let folded = try site.layout(site.matrix(weight) * factor.unsqueeze(1))
        return (folded, try merged(bias, factor))
    }

    /// γ ∘ w and γ ∘ b + β; a bias is made where there is none.
    func merged(weight: Tensor, bias: Tensor?, at site: Norm) throws -> (weight: Tensor, bias: Tensor?) {
        let factor = try scale.value.to(weight.dtype)
        return (try weight * factor, try merged(bias, factor))
    }

    private func merged(_ bias: Tensor?, _ factor: Tensor) throws -> Tensor {
        let shift = try shift.value.to(factor.dtype)
        return try bias.map { try $0 * factor + shift } ?? shift
    }
}
