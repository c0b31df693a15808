import Networks
import Torch

/// S2FT: few units of each layer are trained, chosen attention heads and channels of the feed-forward branch, through
/// the slices of the weights that belong to them.
///
///     h = act(W_g x) ∘ W_u x,  y = W_d h
///     W_u[rows] += s₂ᵤ [k, hidden],  W_d[:, columns] += s₂_d [hidden, k]
///
/// and likewise head by head W_v (rows) and W_o (columns), hd of them for a head. Each s₂ starts at zero and its
/// gradient is the slice of the full gradient; nothing else is trained. Of the `u_ratio`, `d_ratio`, `v_ratio` and
/// `o_ratio` of all units of the model, ⌊ratio · units⌋ are chosen over all layers together, so that layers have
/// different numbers of them, some none.
///
/// The release permutes coupled weights (rows of gate and up, columns of down; heads of q, k, v, o) until the chosen
/// units stand first: those trained upstream only, then both, then downstream only, then the rest (`S2FT.Units.order`).
/// Here the base stays as it is: inputs of s₂ are gathered and outputs scattered by index, which computes the same,
/// needs no permuted biases, holds with grouped queries, fused projections and quantised bases, and undoes nothing when
/// merging. Columns and rows of s₂ stand in the order of the release's slices. With grouped queries the units of v are
/// the heads of keys and values, where the release indexes them by heads of queries.
///
/// `selection` is the paper's: `random`; or by the norm of the unit's slice (`weight`), of its activation on
/// `selection_samples` training examples (`activation`), their `product`, or the norm of its slice of the gradient
/// (`gradient`). `selection_order` takes the largest or the smallest.
///
/// Defaults: 3 % of the channels of down, as released for LLaMA 3; the release's code has 0 everywhere.
///
/// Source: Yang et al. 2024 (arXiv:2412.06289). Inferred: the scores of `selection` beyond `random`, which the paper
/// names and the release lacks, and that lengths of slices are compared over all layers.
public struct S2FT: SavesModules, Equatable {
    /// How units are chosen.
    public enum Selection: String, Codable, CaseIterable, Sendable {
        case random, weight, activation, product, gradient
    }

    /// Which end of the scores is chosen.
    public enum Order: String, Codable, CaseIterable, Sendable {
        case largest, smallest
    }

    /// Share of the heads whose rows of v are trained.
    public var vRatio = 0.0
    /// Share of the heads whose columns of o are trained.
    public var oRatio = 0.0
    /// Share of the channels whose rows of up are trained.
    public var uRatio = 0.0
    /// Share of the channels whose columns of down are trained.
    public var dRatio = 0.03
    /// How units are chosen.
    public var selection = Selection.random
    /// Which end of the scores is chosen.
    public var selectionOrder = Order.largest
    /// Training examples that scores of activations and gradients are of.
    public var selectionSamples = 32
    /// Only these layers, by their index; nil for all.
    public var layersToTransform: [Int]?
    /// Modules that are trained and stored whole, such as a new head.
    public var modulesToSave: [String] = []

    /// The numbers above.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "s2ft", summary: "Weight slices of chosen attention heads and feed-forward channels are trained.",
        family: "selective", sites: "coupled projections of sub-layers, slices of the weight",
        paper: "Yang et al. 2024, arXiv:2412.06289", initContract: .equalsBase, mergeContract: .exact)
}

// MARK: Options

extension S2FT {
    /// Its options.
    public static let options: [MethodOption<S2FT>] = [
        .init("v_ratio", \.vRatio),
        .init("o_ratio", \.oRatio),
        .init("u_ratio", \.uRatio),
        .init("d_ratio", \.dRatio),
        .init("selection", \.selection),
        .init("selection_order", \.selectionOrder),
        .init("selection_samples", \.selectionSamples),
        .init(list: "layers_to_transform", \.layersToTransform),
        .modulesToSave,
    ]

    /// Refuses what cannot be, before any model is needed.
    public func validate() throws {
        let ratios = [("v_ratio", vRatio), ("o_ratio", oRatio), ("u_ratio", uRatio), ("d_ratio", dRatio)]
        for (name, ratio) in ratios where !(0...1).contains(ratio) {
            throw MethodError.option("\(name): must be between 0 and 1, found \(ratio)")
        }
        guard ratios.contains(where: { $0.1 > 0 }) else {
            throw MethodError.option(
                "d_ratio: nothing is trained where all of v_ratio, o_ratio, u_ratio, d_ratio are 0")
        }
        guard selectionSamples > 0 else {
            throw MethodError.option("selection_samples: must be positive, found \(selectionSamples)")
        }
    }

    /// The share of the units of a place.
    func ratio(_ place: S2FTPlace.Role) -> Double {
        switch place {
        case .value: vRatio
        case .output: oRatio
        case .up: uRatio
        case .down: dRatio
        }
    }
}

// MARK: Grafts

extension S2FT {
    /// Slices of the chosen units.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        try validate()
        let places = try S2FTPlace.all(of: model, layers: layersToTransform)
        var set = GraftSet()
        if let stored = start.stored {
            for place in places {
                guard let indices = try place.storedUnits(stored) else { continue }
                set.projections[place.projection.path] = try S2FTGraft(place, indices: indices)
            }
            guard !set.projections.isEmpty else {
                throw MethodError.stored("the adapter has no slice of a projection that this model has")
            }
        } else {
            let units = try S2FTSelection(self, start).units(of: places)
            try set.addSlices(of: places, units: units)
        }
        try set.addModules(modulesToSave, of: model)
        return set
    }

    /// The trained units of a layer's branch: upstream in up or v, downstream in down or o.
    struct Units: Equatable {
        var upstream: [Int] = []
        var downstream: [Int] = []

        /// The permutation of the release: trained upstream only, in both, downstream only, then the rest; the given
        /// order is kept within each part.
        func order(count: Int) -> [Int] {
            let (up, down) = (Set(upstream), Set(downstream))
            return upstreamSlice + downstream.filter { !up.contains($0) }
                + (0..<count).filter { !up.contains($0) && !down.contains($0) }
        }

        /// The first part of the order, which is trained upstream.
        var upstreamSlice: [Int] {
            let down = Set(downstream)
            return upstream.filter { !down.contains($0) } + upstream.filter { down.contains($0) }
        }

        /// The part of the order that is trained downstream.
        var downstreamSlice: [Int] {
            let (up, down) = (Set(upstream), Set(downstream))
            return upstream.filter { down.contains($0) } + downstream.filter { !up.contains($0) }
        }
    }
}
