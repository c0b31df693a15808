import Torch

/// A normalisation over the last dimension, and the site where a method may graft onto its output.
public final class Norm {
    /// How it normalises.
    public enum Kind: Sendable, Equatable {
        /// To mean 0 and variance 1.
        case layer
        /// x / √(mean x² + eps). The offset is added to the weight: 1 in Gemma, whose weights are stored around zero.
        case rms(offset: Double)
    }

    /// Where it is in the network: `bert.encoder.layer.0.output.LayerNorm`.
    public let path: String
    /// How it normalises.
    public let kind: Kind
    /// Factor of each channel [size].
    public let weight: Parameter
    /// Shift of each channel [size].
    public let bias: Parameter?
    /// Size of the last dimension.
    public let size: Int
    /// Grafts in effect, in the order of their adapters.
    public private(set) var grafts: [any NormGraft] = []
    /// What adapters side by side do here; nil where they do nothing, or where none are side by side.
    private(set) var lanes: NormLanes?
    private let eps: Double

    private init(_ scope: Scope, _ kind: Kind, size: Int, eps: Double, bias: Bool) throws {
        path = scope.path
        self.kind = kind
        self.size = size
        self.eps = eps
        weight = try scope.parameter(
            "weight", [size], start: kind == .layer || kind == .rms(offset: 0) ? .ones : .zeros)
        self.bias = bias ? try scope.parameter("bias", [size], start: .zeros) : nil
        scope.builder.register(self)
    }

    /// To mean 0 and variance 1, then scale and shift.
    public static func layer(_ scope: Scope, size: Int, eps: Double, bias: Bool = true) throws -> Norm {
        try Norm(scope, .layer, size: size, eps: eps, bias: bias)
    }

    /// By the root of the mean square, then scale.
    /// - Parameter offset: added to the weight.
    public static func rms(_ scope: Scope, size: Int, eps: Double, offset: Double = 0) throws -> Norm {
        try Norm(scope, .rms(offset: offset), size: size, eps: eps, bias: false)
    }

    /// x of any leading shape.
    public func callAsFunction(_ x: Tensor, _ context: ForwardContext) throws -> Tensor {
        if let lanes { return try lanes.output(x, at: self, context, normalized: normalized) }
        var y = try normalized(x, weight.value, bias?.value)
        for graft in grafts { y = try graft.output(y, at: self, context) }
        return y
    }

    /// Sets the grafts in effect; an empty list leaves the base alone.
    func setGrafts(_ grafts: [any NormGraft]) {
        self.grafts = grafts
        lanes = nil
    }

    /// Sets what adapters side by side do, until grafts are set again.
    func setLanes(_ lanes: [NormLanes.Lane]) {
        self.lanes = lanes.allSatisfy(\.isEmpty) ? nil : NormLanes(lanes: lanes)
    }

    private func normalized(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?) throws -> Tensor {
        guard case .rms(let offset) = kind else {
            return try x.layerNorm([size], weight: weight, bias: bias, eps: eps)
        }
        return try x.rmsNorm(weight, eps: eps, offset: offset)
    }

    /// Weight and bias with the grafts folded in, computed in a type.
    ///
    /// - Throws: where a graft needs a bias that the norm does not have.
    public func mergedTensors(computedIn dtype: DType) throws -> (weight: Tensor, bias: Tensor?) {
        guard case .rms(let offset) = kind else {
            return try folded(weight.value.to(dtype), bias?.value.to(dtype))
        }
        let factors = try folded(weight.value.to(dtype) + offset, nil)
        return (try factors.weight - offset, factors.bias)
    }

    private func folded(_ weight: Tensor, _ bias: Tensor?) throws -> (weight: Tensor, bias: Tensor?) {
        var result = (weight: weight, bias: bias)
        for graft in grafts { result = try graft.merged(weight: result.weight, bias: result.bias, at: self) }
        guard result.bias == nil || self.bias != nil else { throw NetworkError.missingBias(of: path) }
        return result
    }
}

/// What a method puts at a norm.
public protocol NormGraft: SiteGraft {
    /// The output in the place of `y`; channels are the last dimension.
    func output(_ y: Tensor, at site: Norm, _ context: ForwardContext) throws -> Tensor

    /// Factors and shifts that compute the same without the graft, in the type of `weight`.
    /// - Parameter weight: the factors that act, a stored offset included.
    /// - Returns: with a bias where the graft needs one; `Norm` refuses it where it has no place for it.
    func merged(weight: Tensor, bias: Tensor?, at site: Norm) throws -> (weight: Tensor, bias: Tensor?)
}
