import Golden
import Networks
import Torch

/// U diag(S) Vᵀ = W with U and S of the SVD of W C′: see `CorDA`.
struct CovarianceDecomposition {
    /// The share of the mean variance that was added to the diagonal.
    let damp: Double
    private let weight: Tensor
    private let factors: SingularFactors
    private let inverse: Tensor

    /// - Parameters:
    ///   - weight: [out, in].
    ///   - covariance: [in, in], fp64.
    init(_ weight: Tensor, _ covariance: Tensor, dampStart: Double, errorMax: Double) throws {
        (self.weight, factors, inverse, damp) = try withoutGradients {
            let weight = try weight.to(.float64)
            let (values, vectors) = try covariance.eigh()
            let mean = try values.mean().item()
            // Nothing ever went in: no direction is above another.
            guard mean > 0 else {
                let identity = try vectors.matmul(vectors.t())
                return (weight, try SingularFactors(of: weight), identity, dampStart)
            }
            let identity = try vectors.t().matmul(vectors)
            var damp = dampStart
            while damp.isFinite {
                let shifted = try values.clamp(0, .infinity) + damp * mean
                let damped = try (vectors * shifted).matmul(vectors.t())
                let inverse = try (vectors / shifted).matmul(vectors.t())
                if try (damped.matmul(inverse) - identity).norm().item() < errorMax {
                    return (weight, try SingularFactors(of: weight.matmul(damped)), inverse, damp)
                }
                damp *= 2
            }
            throw MethodError.option("inv_error_max: no damping gives an inverse as exact as \(errorMax)")
        }
    }

    /// The components that are trained: U [out, r], S [r], Vᵀ [r, in] in fp64.
    func selected(_ mode: CorDA.Mode, rank: Int) throws -> (u: Tensor, s: Tensor, vT: Tensor) {
        let count = try factors.s.count
        let first = mode == .ipm ? 0 : count - rank
        return (
            try factors.u.narrow(1, first, rank), try factors.s.narrow(0, first, rank),
            try factors.vT.narrow(0, first, rank).matmul(inverse)
        )
    }

    /// The factors and the residual that training begins with.
    func start(_ method: CorDA, scaling: Double, at site: Projection) throws -> LoRAStart {
        try withoutGradients {
            let (u, s, vT) = try selected(method.cordaMethod, rank: method.r)
            let share = try s / scaling
            let (left, right): (Tensor, Tensor)
            switch method.sigmaFuse {
            case .both: (left, right) = (try share.sqrt(), try share.sqrt())
            case .left: (left, right) = (share, try share.zerosLike() + 1)
            case .right: (left, right) = (try share.zerosLike() + 1, share)
            }
            // The residual is that of the factors as they are stored, so that a fresh adapter is the base.
            let device = try site.weight.base.device
            let a = try (vT * right.unsqueeze(1)).to(.float32)
            let b = try (u * left).to(.float32)
            let rest = try weight - b.to(.float64).matmul(a.to(.float64)) * scaling
            return LoRAStart(
                a: try a.to(device), b: try b.to(device), residual: try site.residual(rest.to(device)),
                isLowRankResidual: true)
        }
    }
}

// MARK: Golden cases

extension CorDA {
    /// Calibration, start and layer.
    public static let replays = [GoldenReplay("corda", body: layer)]

    private init(_ golden: GoldenCase) throws {
        self.init()
        let config = golden.config
        r = try config.field("r").count()
        useRSLoRA = try config.optional("use_rslora")?.bool() ?? false
        let given = try config.optional("scaling")?.double()
        loraAlpha = try config.optional("lora_alpha")?.double() ?? (given ?? 1) * Double(r)
        cordaMethod = try golden.option("corda_method", default: cordaMethod)
        sigmaFuse = try golden.option("sigma_fuse", default: sigmaFuse)
        dampStart = try config.optional("damp_start")?.double() ?? dampStart
        invErrorMax = try config.optional("inv_error_max")?.double() ?? invErrorMax
        calibrationSamples = try config.optional("calib_samples")?.int() ?? calibrationSamples
        targetModules = .list([SingleProjection.path])
        let scaling = lora.scaling(rank: r, alpha: loraAlpha)
        if let given, abs(given - scaling) > 1e-9 {
            throw TorchError.invalid("the case's scaling is \(given), the method's is \(scaling)")
        }
    }

    private static func layer(_ golden: GoldenCase) throws -> CaseResult {
        let method = try CorDA(golden)
        var layer = try LayerCase(golden)
        let calibration = CaseCalibration(golden: golden)
        let site = layer.model.projections.values[0]
        guard let covariance = try method.covariances(of: [site], calibration)[site.path] else {
            throw TorchError.invalid("the case has no calibration examples")
        }
        let decomposition = try method.decomposition(of: site, covariance)
        layer.produced("out.covariance", covariance)
        layer.produced("out.damp", try Tensor.scalar(decomposition.damp))
        layer.produced("out.singular_values", try decomposition.selected(method.cordaMethod, rank: method.r).s)
        let set = try method.grafts(for: layer.model, GraftStart(key: RandomKey(seed: 0), calibration: calibration))
        let graft: LoRAGraft = try layer.graft(set)
        try LoRA.replayStart(&layer, graft)
        try layer.replay(["lora_A": graft.a, "lora_B": graft.b])
        try layer.produceMerged()
        return try layer.result()
    }
}
