import Networks
import Torch

/// Chooses the units that S2FT trains, over all layers together.
struct S2FTSelection {
    private let method: S2FT
    private let start: GraftStart

    init(_ method: S2FT, _ start: GraftStart) {
        self.method = method
        self.start = start
    }

    /// The chosen units of each place, ascending.
    func units(of places: [S2FTPlace]) throws -> [[Int]] {
        var units = [[Int]](repeating: [], count: places.count)
        for role in S2FTPlace.Role.allCases {
            let own = places.indices.filter { places[$0].role == role }
            let pool = own.flatMap { place in (0..<places[place].count).map { (place: place, unit: $0) } }
            let budget = Int(method.ratio(role) * Double(pool.count))
            guard budget > 0 else { continue }
            let scores = try scores(of: own.map { places[$0] }, role)
            let best = try scores.sorted(0, descending: method.selectionOrder == .largest).indices
            for index in try best.narrow(0, 0, budget).array(of: Int64.self) {
                let (place, unit) = pool[Int(index)]
                units[place].append(unit)
            }
        }
        guard units.contains(where: { !$0.isEmpty }) else {
            throw MethodError.option(
                "d_ratio: the ratios are below one unit of this model; raise v_ratio, o_ratio, u_ratio or d_ratio")
        }
        return units.map { $0.sorted() }
    }

    /// A score for each unit of the pool.
    private func scores(of places: [S2FTPlace], _ role: S2FTPlace.Role) throws -> Tensor {
        switch method.selection {
        case .random:
            let count = places.reduce(0) { $0 + $1.count }
            return try .uniform([count], 0, 1, key: start.key.derived("s2ft").derived(role.rawValue), dtype: .float64)
        case .weight: return try .cat(weights(places))
        case .activation: return try .cat(activations(places))
        case .product: return try .cat(zip(weights(places), activations(places)).map { try $0 * $1 })
        case .gradient: return try .cat(gradients(places))
        }
    }

    private func weights(_ places: [S2FTPlace]) throws -> [Tensor] {
        try places.map { try $0.squares(of: $0.projection.matrix($0.projection.weight.base)).sqrt().to(.cpu) }
    }

    /// ‖h‖ of each unit over the examples.
    private func activations(_ places: [S2FTPlace]) throws -> [Tensor] {
        var sums = try places.map { try Tensor.zeros([$0.count]) }
        let calibration = try start.requiredCalibration(S2FT.card.name)
        try calibration.observeInputs(of: places.map(\.observed), samples: method.selectionSamples) { _, site, input in
            let rows = try input.detach().to(.float32).reshape([-1, site.inputSize])
            for (index, place) in places.enumerated() where place.observed === site {
                let squares = try (rows * rows).sum([0]).reshape([place.count, place.activationsPerUnit])
                sums[index] = try sums[index] + squares.sum([1]).to(.cpu)
            }
        }
        return try sums.map { try $0.sqrt() }
    }

    /// The length of each unit's slice of the gradient, over the examples one by one.
    private func gradients(_ places: [S2FTPlace]) throws -> [Tensor] {
        var sums = try places.map { try Tensor.zeros([$0.count]) }
        let calibration = try start.requiredCalibration(S2FT.card.name)
        try calibration.weightGradients(
            of: places.map(\.projection), samples: method.selectionSamples, batchSize: 1
        ) { _, site, gradient in
            for (index, place) in places.enumerated() where place.projection === site {
                sums[index] = try sums[index] + place.squares(of: site.matrix(gradient)).to(.cpu)
            }
        }
        return try sums.map { try $0.sqrt() }
    }
}

extension GraftSet {
    /// Slices of chosen units of each place, in the order of the release's slices.
    mutating func addSlices(of places: [S2FTPlace], units: [[Int]]) throws {
        for (index, place) in places.enumerated() where !units[index].isEmpty {
            // The other side of the same branch decides the order where both have the same units.
            let other = places.indices.first {
                $0 != index && places[$0].sublayer === place.sublayer && places[$0].count == place.count
            }
            let others = other.map { units[$0] } ?? []
            let slice =
                place.role.isUpstream
                ? S2FT.Units(upstream: units[index], downstream: others).upstreamSlice
                : S2FT.Units(upstream: others, downstream: units[index]).downstreamSlice
            projections[place.projection.path] = try S2FTGraft(place, indices: slice)
        }
    }
}
