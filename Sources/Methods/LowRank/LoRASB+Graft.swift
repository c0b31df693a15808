import Golden
import Networks
import Optimization
import Torch

/// The two frozen factors of one projection and the matrix between them.
public final class LoRASBGraft: ProjectionGraft {
    /// A [r, in], frozen.
    public let a: Variable
    /// R [r, r], trained.
    public let r: Variable
    /// B [out, r], frozen.
    public let b: Variable
    private let scaling: Double
    private let dropout: Double

    init(_ method: LoRASB, a: Tensor, r: Tensor, b: Tensor, at site: Projection) throws {
        let role: Variable.Role = method.saveProjection ? .frozen : .seeded
        let device = try site.weight.base.device
        self.a = try Variable("\(site.path).lora_A.weight", a.contiguous().to(device), role: role)
        self.r = try Variable("\(site.path).lora_R.weight", r.contiguous().to(device))
        self.b = try Variable("\(site.path).lora_B.weight", b.contiguous().to(device), role: role)
        scaling = method.scaling
        dropout = method.loraDropout
    }

    /// A, R and B.
    public var variables: [Variable] { [a, r, b] }

    /// `output` + s·((dropout(x) Aᵀ) Rᵀ) Bᵀ.
    public func adding(
        to output: Tensor, base: Tensor, x: Tensor, at site: Projection, _ context: ForwardContext
    ) throws -> Tensor {
        let dtype = try r.value.dtype
        let dropped = try context.dropout(x, dropout, at: r.name).to(dtype).reshape([-1, site.inputSize])
        let hidden = try dropped.matmul(a.value.t()).matmul(r.value.t())
        let (shape, type) = (try output.shape, try output.dtype)
        return try output.to(dtype).reshape([-1, site.outputSize]).addmm(hidden, b.value.t(), alpha: scaling)
            .reshape(shape).to(type)
    }

    /// W + s B R A.
    public func merged(weight: Tensor, bias: Tensor?, at site: Projection) throws -> (weight: Tensor, bias: Tensor?) {
        try withoutGradients {
            let dtype = try weight.dtype
            let product = try b.value.to(dtype).matmul(r.value.to(dtype)).matmul(a.value.to(dtype))
            return (try weight + site.layout(product * scaling), bias)
        }
    }

    /// The change of R whose change of the weight is nearest to its gradient, (1/s²) (BᵀB)⁻¹ g (AAᵀ)⁻¹: g itself where
    /// the factors are orthonormal and s is 1, as in LoRA-SB.
    /// - Parameter gradient: g [r, r].
    public func optimalGradient(_ gradient: Tensor) throws -> Tensor {
        try withoutGradients {
            let left = try b.value.t().matmul(b.value).symmetricInverse()
            let right = try a.value.matmul(a.value.t()).symmetricInverse()
            return try left.matmul(gradient).matmul(right) / (scaling * scaling)
        }
    }
}

/// The matrices between the factors in a group that does not decay, modules that are saved whole in one of their own.
final class LatentGroups: Lifecycle {
    var worksWithoutGradients: Bool { true }

    func groups(of variables: [Variable]) throws -> [ParameterGroup] {
        let latent = variables.filter { $0.name.hasSuffix(".lora_R.weight") }
        let others = variables.filter { !$0.name.hasSuffix(".lora_R.weight") }
        let group = try ParameterGroup("latent", latent, weightDecay: 0)
        return others.isEmpty ? [group] : [group, try ParameterGroup("modules", others)]
    }
}

// MARK: Golden cases

extension LoRASB {
    /// The layer cases of both variants.
    public static let replays = [GoldenReplay("lora-sb", "lora-xs", body: layer)]

    private init(_ golden: GoldenCase) throws {
        self.init()
        variant = try golden.option("variant", default: Variant(rawValue: golden.slug) ?? variant)
        r = try golden.config.field("r").count()
        let scaling = try golden.config.optional("scaling")?.double()
        loraAlpha = try golden.config.optional("lora_alpha")?.double() ?? scaling.map { $0 * Double(r) }
        totalSteps = try golden.config.optional("total_steps")?.int()
        // Cases give every draw that they need; one that gives no R begins at zero.
        initStd = 0
        targetModules = .list([SingleProjection.path])
        if let scaling, abs(scaling - self.scaling) > 1e-9 {
            throw TorchError.invalid("the case's scaling is \(scaling), the method's is \(self.scaling)")
        }
    }

    private static func layer(_ golden: GoldenCase) throws -> CaseResult {
        let method = try LoRASB(golden)
        var layer = try LayerCase(golden)
        var calibration = CaseCalibration(golden: golden)
        calibration.learningRate = try golden.config.optional("lr")?.double() ?? 0
        calibration.warmupRatio = try golden.config.optional("warmup_ratio")?.double() ?? 0
        let sites = Array(layer.model.projections.values)
        var decomposed = sites[0].weight.base
        if method.variant == .sb {
            decomposed = try method.updates(of: sites, calibration)[0]
            layer.produced("out.update", decomposed)
        }
        layer.produced("out.singular_values", try SingularFactors(of: decomposed).s)
        let set = try method.grafts(
            for: layer.model, GraftStart(key: RandomKey(seed: 0), calibration: calibration))
        let graft: LoRASBGraft = try layer.graft(set)
        for name in ["in.lora_R", "in.R_init", "in.lora_R_init", "in.R0", "param.lora_R_init"] {
            if let drawn = try golden.optional(name) { try graft.r.load(drawn) }
        }
        try replayStart(&layer, graft)
        layer.produced("out.grad_full_weight", try weightGradient(layer))
        try layer.replay(["lora_A": graft.a, "lora_B": graft.b, "lora_R": graft.r])
        try layer.produceMerged()
        if let gradient = try graft.r.value.grad {
            layer.produced("out.optimal_grad_R", try graft.optimalGradient(gradient))
        }
        return try layer.result()
    }

    /// What the start gives, and the effective weight after one step of plain SGD on R from it.
    private static func replayStart(_ layer: inout LayerCase, _ graft: LoRASBGraft) throws {
        layer.produced("out.delta_init", try layer.merged().weight - layer.golden.tensor("base.weight"))
        let y = try layer.forward(layer.golden.tensor("in.x"))
        layer.produced("out.y_init", y)
        guard let rate = try layer.golden.config.optional("sgd_lr")?.double() else { return }
        try (y * layer.golden.tensor("in.cotangent")).sum().backward()
        if let gradient = try graft.r.value.grad { try graft.r.load(graft.r.value.detach() - gradient * rate) }
        layer.produced("step1.effective_weight", try layer.merged().weight)
    }

    /// The gradient of the layer's own weight beside the graft.
    private static func weightGradient(_ layer: LayerCase) throws -> Tensor {
        let weight = layer.model.projections.values[0].weight
        let leaf = try weight.base.detach().setRequiresGrad(true)
        try weight.replace(with: leaf)
        defer { try? weight.replace(with: nil) }
        try (layer.forward(layer.golden.tensor("in.x")) * layer.golden.tensor("in.cotangent")).sum().backward()
        return try leaf.grad ?? leaf.detach().zerosLike()
    }
}
