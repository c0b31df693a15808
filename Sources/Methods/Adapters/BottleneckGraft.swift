import Networks
import Torch

/// How a bottleneck is made, whatever its place.
struct BottleneckSettings {
    /// How the two maps start.
    enum Start: String, Codable, Sendable {
        /// Both weights normal of deviation 1e-3, cut at two deviations.
        case truncatedNormal = "truncated_normal"
        /// Both weights normal of deviation 0.02.
        case bert
        /// The first uniform within 1/√size, the second zero: the branch adds nothing at first.
        case lora
    }

    /// The factor of the branch.
    enum Scale: Equatable, Sendable {
        case fixed(Double)
        /// Trained, from 1.
        case learnable
    }

    /// Where the branch has a norm of its own.
    enum OwnNorm: String, Codable, Sendable {
        case none
        /// Before the first map.
        case input = "in"
        /// Behind the factor.
        case output = "out"
    }

    /// What joins what at a sub-layer with residual x, input z and branch output h.
    enum Wiring: String, Codable, Sendable {
        /// x + h + A(h): Houlsby's.
        case sequential
        /// x + h + A(norm(x + h)) where a norm follows the sum, x + h + A(h) where none does: Pfeiffer's.
        case pfeiffer
        /// x + h + A(z): He's.
        case parallel
    }

    var width: Int
    var activation: Activation
    var start: Start
    var wiring: Wiring
    var scale = Scale.fixed(1)
    var dropout = 0.0
    var ownNorm = OwnNorm.none
}

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
    init(_ settings: BottleneckSettings, at site: Sublayer, key: RandomKey) throws {
        self.settings = settings
        let (size, width, path) = (site.size, settings.width, site.path)
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
            try settings.ownNorm == .none
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
    private func bottleneck(_ u: Tensor, _ context: ForwardContext) throws -> Tensor {
        var x = try u.to(down.weight.value.dtype)
        if settings.ownNorm == .input { x = try normalized(x) }
        let hidden = try settings.activation(x.linear(down.weight.value, down.bias.value))
        let dropped = try context.dropout(hidden, settings.dropout, at: down.weight.name)
        var y = try dropped.linear(up.weight.value, up.bias.value)
        switch settings.scale {
        case .fixed(let factor): if factor != 1 { y = try y * factor }
        case .learnable: if let scale { y = try y * scale.value }
        }
        if settings.ownNorm == .output { y = try normalized(y) }
        return try y.to(u.dtype)
    }

    private func normalized(_ x: Tensor) throws -> Tensor {
        try x.layerNorm(
            [x.size(-1)], weight: norm?.weight.value, bias: norm?.bias.value, eps: BottleneckGraft.normEps)
    }
}

extension BottleneckSettings.Start {
    fileprivate func first(_ shape: [Int], _ key: RandomKey) throws -> Tensor {
        switch self {
        case .truncatedNormal: return try Tensor.truncatedNormal(shape, std: 1e-3, key: key)
        case .bert: return try Tensor.normal(shape, std: 0.02, key: key)
        case .lora:
            let bound = 1 / Double(max(1, shape[1])).squareRoot()
            return try Tensor.uniform(shape, -bound, bound, key: key)
        }
    }

    fileprivate func second(_ shape: [Int], _ key: RandomKey) throws -> Tensor {
        self == .lora ? try Tensor.zeros(shape) : try first(shape, key)
    }
}

extension Tensor {
    /// Normal numbers, those beyond two deviations drawn again.
    static func truncatedNormal(_ shape: [Int], std: Double, key: RandomKey) throws -> Tensor {
        var result = try Tensor.normal(shape, std: std, key: key)
        // One number in 22 is beyond; what twelve more draws leave, fewer than one in 10¹⁶, is cut.
        for attempt in 0..<12 {
            let isBeyond = try result.abs().gt(2 * std)
            result = try Tensor.where(isBeyond, Tensor.normal(shape, std: std, key: key.derived(attempt)), result)
        }
        return try result.clamp(-2 * std, 2 * std)
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

/// How wide a bottleneck is: a number of channels, or a share of the residual's.
struct BottleneckWidth: Equatable, Sendable {
    /// Channels.
    var bottleneck: Int?
    /// Channels of the residual for each of the bottleneck.
    var reductionFactor: Double?

    /// - Throws: `MethodError.option` for numbers that are none, or two that contradict each other.
    func validate() throws {
        if let bottleneck, bottleneck <= 0 {
            throw MethodError.option("bottleneck: must be positive, found \(bottleneck)")
        }
        if let reductionFactor, !(reductionFactor > 0 && reductionFactor.isFinite) {
            throw MethodError.option("reduction_factor: must be positive, found \(reductionFactor)")
        }
        if bottleneck != nil, reductionFactor != nil {
            throw MethodError.option("bottleneck and reduction_factor say the same thing twice: set one of them")
        }
    }

    /// Channels of the bottleneck at a residual of `size` channels; at least one.
    func channels(of size: Int) throws -> Int {
        if let bottleneck { return bottleneck }
        let share = (Double(size) / (reductionFactor ?? 1)).rounded(.down)
        guard let channels = Int(exactly: share), channels <= 1 << 24 else {
            throw MethodError.option("reduction_factor: \(reductionFactor ?? 1) makes a bottleneck that is too wide")
        }
        return max(1, channels)
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

extension KeyedDecodingContainer {
    /// An activation by its name, or the default.
    func activation(_ key: Key, default value: Activation) throws -> Activation {
        guard let name = try decodeIfPresent(String.self, forKey: key) else { return value }
        do {
            return try Activation(named: name, field: key.stringValue)
        } catch {
            throw MethodError.option("\(error)")
        }
    }
}
