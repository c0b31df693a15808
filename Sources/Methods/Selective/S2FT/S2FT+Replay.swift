import Golden
import Networks
import Torch

extension S2FT {
    /// A feed-forward branch, an attention, or both.
    public static let replays = [GoldenReplay("s2ft", body: replay)]

    /// Runs a case in each way that its configuration leaves open, and gives the first that agrees; with none, the first.
    private static func replay(_ golden: GoldenCase) throws -> CaseResult {
        let readings = try readings(golden)
        var first: CaseResult?
        for reading in readings {
            var result = try replay(golden, reading)
            if result.status == .pass {
                if readings.count > 1 { result.detail += "; read as \(description(reading))" }
                return result
            }
            first = first ?? result
        }
        guard let first else { throw GoldenError.unread("its configuration allows no reading") }
        return first
    }

    /// What a case of a whole layer may leave to its notes: the mask, residuals, and the order of a slice's units.
    private static func readings(_ golden: GoldenCase) throws -> [S2FTCaseNetwork.Reading] {
        let hasAttention =
            golden.has("base.q_weight") || golden.has("base.q_proj.weight") || golden.has("base.q.weight")
        let config = golden.config
        let stated = (
            causal: try config.first(of: "causal", "is_causal").map { [try $0.bool()] },
            residual: try config.optional("residual").map { [try $0.bool()] }
        )
        let causal = stated.causal ?? (hasAttention ? [true, false] : [true])
        let residual = stated.residual ?? (hasAttention ? [false, true] : [false])
        let listed = try trainsBothSides(golden) ? [true, false] : [true]
        return causal.flatMap { isCausal in
            residual.flatMap { hasResidual in
                listed.map {
                    S2FTCaseNetwork.Reading(isCausal: isCausal, hasResidual: hasResidual, isListed: $0)
                }
            }
        }
    }

    /// Only then do the release's slices stand in another order than the configuration's.
    private static func trainsBothSides(_ golden: GoldenCase) throws -> Bool {
        try S2FTPlace.Role.allCases.filter { try !units($0, golden).isEmpty }.count > 1
    }

    private static func description(_ reading: S2FTCaseNetwork.Reading) -> String {
        [
            reading.isCausal ? "causal" : "without a causal mask",
            reading.hasResidual ? "with residuals" : "without residuals",
            reading.isListed ? "slices in the listed order" : "slices in the permuted order",
        ].joined(separator: ", ")
    }

    /// The units of a place that the case trains.
    private static func units(_ role: S2FTPlace.Role, _ golden: GoldenCase) throws -> [Int] {
        let config = golden.config
        let node =
            switch role {
            case .value: try config.first(of: "v_heads", "value_heads", "heads_v")
            case .output: try config.first(of: "o_heads", "output_heads", "heads_o")
            case .up: try config.first(of: "up_channels", "u_channels")
            case .down: try config.first(of: "down_channels", "d_channels")
            }
        return try node?.ints() ?? []
    }

    private static func replay(_ golden: GoldenCase, _ reading: S2FTCaseNetwork.Reading) throws -> CaseResult {
        let (model, network) = try S2FTCaseNetwork.model(golden)
        network.reading = reading
        let places = try S2FTPlace.all(of: model, layers: nil)
        let chosen = try places.map { place in
            let own = try units(place.role, golden)
            guard Set(own).count == own.count, own.allSatisfy((0..<place.count).contains) else {
                throw GoldenError.unread("units of \(place.role) are not different numbers below \(place.count)")
            }
            return own
        }
        var set = GraftSet()
        if reading.isListed {
            for (place, units) in zip(places, chosen) where !units.isEmpty {
                set.projections[place.projection.path] = try S2FTGraft(place, indices: units)
            }
        } else {
            try set.addSlices(of: places, units: chosen)
        }
        guard !set.projections.isEmpty else { throw GoldenError.unread("its configuration chooses no unit") }
        try model.add(set, named: "default")

        var comparison = Comparison(golden)
        try produceOrders(places, chosen, golden, &comparison)
        try run(model, network, set, golden, &comparison)
        try model.merge()
        for (path, projection) in model.projections {
            comparison.produced("out.merged_\(path)_weight", projection.weight.value)
            if let bias = projection.bias { comparison.produced("out.merged_\(path)_bias", bias.value) }
        }
        return try comparison.result()
    }

    /// The permutations of channels and heads that the release would make.
    private static func produceOrders(
        _ places: [S2FTPlace], _ units: [[Int]], _ golden: GoldenCase, _ comparison: inout Comparison
    ) throws {
        func chosen(_ role: S2FTPlace.Role) -> (units: [Int], count: Int)? {
            places.indices.first { places[$0].role == role }.map { (units[$0], places[$0].count) }
        }
        func order(_ up: S2FTPlace.Role, _ down: S2FTPlace.Role) throws -> Tensor? {
            guard let up = chosen(up), let down = chosen(down), up.count == down.count else { return nil }
            let units = S2FT.Units(upstream: up.units, downstream: down.units)
            return try Tensor(units.order(count: up.count).map { Int64($0) })
        }
        let (heads, channels) = (try order(.value, .output), try order(.up, .down))
        for name in golden.outputs where name.hasPrefix("out.") && name.contains("order") {
            let isOfHeads = name.contains("head") || name.contains("attn") || name.contains("att")
            if let found = isOfHeads ? heads : channels ?? heads { comparison.produced(name, found) }
        }
    }

    private static func run(
        _ model: Model, _ network: S2FTCaseNetwork, _ set: GraftSet, _ golden: GoldenCase,
        _ comparison: inout Comparison
    ) throws {
        let slices = set.projections.compactMap { path, graft in (graft as? S2FTGraft).map { (path, $0.slice) } }
        for (path, slice) in slices {
            guard let given = try golden.first(of: ["param.s2_\(path)", "param.\(path)", "param.s2_\(path)_proj"])
            else {
                throw GoldenError.unread("it has no param.s2_\(path)")
            }
            try slice.load(given.tensor)
        }
        // Both branches may have inputs of their own; otherwise one input goes through all there is.
        let own = ["attn_", "ffn_", "mlp_"].filter { golden.has("in.\($0)x") }
        for prefix in own.isEmpty || golden.has("in.x") ? [""] + own : own {
            network.part =
                switch prefix {
                case "attn_": .attention
                case "": own.isEmpty ? .whole : own.contains("attn_") ? .feedForward : .attention
                default: .feedForward
                }
            let x = try golden.tensor("in.\(prefix)x").clone().setRequiresGrad(true)
            let y = try model(ModelInput(pixelValues: x)).lastHiddenState
            comparison.produced("out.\(prefix)y", y)
            try (y * golden.tensor("in.\(prefix)cotangent")).sum().backward()
            if let gradient = try x.grad { comparison.produced("grad.in.\(prefix)x", gradient) }
        }
        for (path, slice) in slices {
            if let gradient = try slice.value.grad { comparison.produced("grad.param.s2_\(path)", gradient) }
        }
        if golden.outputs.contains("out.attn_y"), own.isEmpty {
            network.part = .attention
            comparison.produced("out.attn_y", try model(ModelInput(pixelValues: golden.tensor("in.x"))).lastHiddenState)
        }
    }
}
