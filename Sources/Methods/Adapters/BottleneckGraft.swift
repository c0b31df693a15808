import Networks
import Torch

/// A bottleneck beside or behind a branch: A(u) = s·(W₂ dropout(σ(W₁ u + b₁)) + b₂).
///
/// W₁ is [width, size], W₂ is [size, width]. What u is, and where A(u) goes, is the wiring's choice. Sources: Houlsby et
/// al. 2019 (arXiv:1902.00751, figure 2), Pfeiffer et al. 2021 (2005.00247), He et al. 2022 (2110.04366, table 1).
final class BottleneckGraft: SublayerGraft {
    /// W₁ and b₁.
    let down: (weight: Variable, bias: Variable)
    /// W₂ and b₂.
    let up: (weight: Variable, bias: Variable)
    /// s where it is trained, [1].
    let scale: Variable?
    /// Factor and shift of the branch's own norm [size].
    let norm: (weight: Variable, bias: Variable)?
    private let settings: BottleneckSettings
    private static let normEps = 1e-5

    /// - Parameter key: of the random draws of this site.
    convenience init(_ settings: BottleneckSettings, at site: Sublayer, key: RandomKey) throws {
        try self.init(settings, path: site.path, size: site.size, key: key)
    }

    /// - Parameter path: what the names of its tensors start with.
    init(_ settings: BottleneckSettings, path: String, size: Int, key: RandomKey) throws {
        self.settings = settings
        let width = settings.width
        func variable(_ name: String, _ tensor: Tensor) throws -> Variable {
            try Variable("\(path).adapter_\(name)", tensor)
        }
        down = (
            try variable("down.weight", settings.start.first([width, size], key.derived("down"))),
            try variable("down.bias", .zeros([width]))
        )
        up = (
            try variable("up.weight", settings.start.second([size, width], key.derived("up"))),
            try variable("up.bias", .zeros([size]))
        )
        scale = try settings.scale == .learnable ? variable("scale", .ones([1])) : nil
        norm =
            try settings.norm == .none
            ? nil : (variable("norm.weight", .ones([size])), variable("norm.bias", .zeros([size])))
    }

    var variables: [Variable] {
        [down.weight, down.bias, up.weight, up.bias, scale, norm?.weight, norm?.bias].compactMap { $0 }
    }

    func branchOutput(_ pass: Sublayer.Pass, at site: Sublayer, _ context: ForwardContext) throws -> Tensor {
        switch settings.wiring {
        case .parallel: return try pass.branch + bottleneck(pass.input, context)
        case .sequential: return try pass.branch + bottleneck(pass.branch, context)
        case .pfeiffer:
            guard let norm = site.normAfter else { return try pass.branch + bottleneck(pass.branch, context) }
            return try pass.branch + bottleneck(norm(pass.residual + pass.branch, context), context)
        }
    }

    /// A(u) in the type of `u`; the maps compute in their own.
    func bottleneck(_ u: Tensor, _ context: ForwardContext) throws -> Tensor {
        var x = try u.to(down.weight.value.dtype)
        if settings.norm == .input { x = try normalized(x) }
        let hidden = try settings.activation(x.linear(down.weight.value, down.bias.value))
        let dropped = try context.dropout(hidden, settings.dropout, at: down.weight.name)
        var y = try dropped.linear(up.weight.value, up.bias.value)
        switch settings.scale {
        case .fixed(let factor): if factor != 1 { y = try y * factor }
        case .learnable: if let scale { y = try y * scale.value }
        }
        if settings.norm == .output { y = try normalized(y) }
        return try y.to(u.dtype)
    }

    private func normalized(_ x: Tensor) throws -> Tensor {
        try x.layerNorm(
            [x.size(-1)], weight: norm?.weight.value, bias: norm?.bias.value, eps: BottleneckGraft.normEps)
    }
}

extension GraftSet {
    /// Puts a bottleneck at each of the sub-layers.
    /// - Parameter settings: of a site.
    mutating func addBottlenecks(
        at sites: [Sublayer], _ start: GraftStart, _ settings: (Sublayer) throws -> BottleneckSettings
    ) throws {
        for site in sites {
            let settings = try settings(site)
            try start.requireStored(settings.width, of: "\(site.path).adapter_down.weight")
            sublayers[site.path] = try BottleneckGraft(settings, at: site, key: start.key.derived(site.path))
        }
    }
}

extension ModuleSelection {
    /// The sub-layers that are meant, by their paths: `attention`, `mlp`, or whole ones.
    func sublayers(of model: Model, roles: Set<Sublayer.Role>) throws -> [Sublayer] {
        let candidates = model.sublayers.values.filter { roles.contains($0.role) }
        guard !candidates.isEmpty else {
            throw MethodError.option("the model has no sub-layer that an adapter could stand at")
        }
        let paths = Set(try paths(among: candidates.map(\.path)))
        return candidates.filter { paths.contains($0.path) }
    }
}
