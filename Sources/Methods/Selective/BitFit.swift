import Networks
import Torch

/// BitFit: the biases of the network are trained, nothing else. Each takes the base's place as a copy of its own.
///
///     y = x Wᵀ + b′        b′ starts as the base's b
///
/// `bias_set: all` means every bias: of linear layers, convolutions and norms. `query_fc1` means those of the queries and
/// of the first feed-forward layers alone, half the tensors' numbers for nearly the same result in the paper. The
/// gradient of a key's bias is exactly zero, since softmax ignores a shift of all scores: it never moves. A network
/// without biases, such as Llama's, has nothing to train, which is an error.
///
/// Source: Ben Zaken et al. 2022 (arXiv:2106.10199, sections 2 and 3).
public struct BitFit: TargetsModules, Equatable {
    /// Which biases.
    public enum BiasSet: String, Codable, CaseIterable, Sendable {
        /// Every one.
        case all
        /// Of the queries and the first layers of the feed-forward parts.
        case queryAndFirst = "query_fc1"
    }

    /// Which biases.
    public var biasSet = BiasSet.all
    /// Only those of these modules; all by default.
    public var targeting = Targeting()

    /// Every bias.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "bitfit", summary: "The biases of the network are trained, nothing else.", family: "selective",
        sites: "biases, whole parameters", paper: "Ben Zaken et al. 2022, arXiv:2106.10199",
        initContract: .equalsBase, mergeContract: .exact)

    /// Its options.
    public static let options: [MethodOption<BitFit>] = [
        .init("bias_set", \.biasSet),
        .targetModules, .excludeModules, .modulesToSave,
    ]

    /// Copies of the chosen biases, and of the modules that are saved.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        let biases = try biases(of: model)
        guard !biases.isEmpty else {
            throw MethodError.option(
                "bias_set: the model has no bias of the set `\(biasSet.rawValue)`, so there is nothing to train: choose "
                    + "another method, such as ln_tuning")
        }
        let chosen = Set(try selection(start).paths(among: biases.map(\.module)))
        var set = GraftSet()
        for bias in biases where chosen.contains(bias.module) { try set.add(copyOf: bias.parameter) }
        if set.parameters.isEmpty {
            throw MethodError.option(
                "exclude_modules: every bias of the model is left out, so there is nothing to train")
        }
        try set.addModules(modulesToSave, of: model)
        return set
    }

    /// The biases of the set with the paths of their modules, in the order of the network.
    private func biases(of model: Model) throws -> [(module: String, parameter: Parameter)] {
        switch biasSet {
        case .all:
            return model.parameters.values.compactMap { parameter in
                guard parameter.name.hasSuffix(".bias") else { return nil }
                return (String(parameter.name.dropLast(".bias".utf8.count)), parameter)
            }
        case .queryAndFirst:
            return try model.sublayers.values.compactMap { site in
                let slice: ProjectionSlice
                switch site.structure {
                case .attention(let query, _, _, _, _, _, _): slice = query
                case .feedForward(_, let up, _): slice = up
                }
                guard let bias = slice.projection.bias else { return nil }
                guard slice.outputs.count == slice.projection.outputSize else {
                    throw MethodError.option(
                        "bias_set: the queries of \(slice.projection.path) are a part of a joined projection, whose "
                            + "bias is trained as a whole: use bias_set all")
                }
                return (slice.projection.path, bias)
            }
        }
    }
}
