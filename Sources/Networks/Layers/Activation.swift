import Support
import Torch

/// The activation functions by the names that configurations use (`hidden_act`).
public enum Activation: String, Codable, Sendable, CaseIterable {
    case gelu
    case geluClipped = "gelu_10"
    case geluNew = "gelu_new"
    case geluFast = "gelu_fast"
    case geluTanh = "gelu_pytorch_tanh"
    case quickGelu = "quick_gelu"
    case relu
    case relu6
    case reluSquared = "relu2"
    case hardSwish = "hardswish"
    case silu
    case swish
    case tanh
    case sigmoid
    case mish
    case leakyRelu = "leaky_relu"
    case linear

    /// - Parameter field: where the name was found, for the message.
    public init(named name: String, field: String) throws {
        // Other spellings of the same functions.
        let synonyms = ["gelu_python": "gelu", "gelu_accurate": "gelu_new", "gelu_python_tanh": "gelu_pytorch_tanh"]
        guard let found = Activation(rawValue: synonyms[name] ?? name) else {
            let nearest = nearestMatch(to: name, in: Activation.allCases.map(\.rawValue))
            throw NetworkError.unsupported(
                "\(field): unknown activation `\(name)`" + (nearest.map { "; the nearest is `\($0)`" } ?? ""))
        }
        self = found
    }

    /// The function, element by element.
    public func callAsFunction(_ x: Tensor) throws -> Tensor {
        switch self {
        case .gelu: return try x.gelu()
        case .geluClipped: return try x.gelu().hardTanh(-10, 10)
        case .geluNew, .geluTanh, .geluFast: return try x.geluTanh()
        case .quickGelu: return try x * (x * 1.702).sigmoid()
        case .relu: return try x.relu()
        case .relu6: return try x.hardTanh(0, 6)
        case .reluSquared: return try x.relu().pow(2)
        case .hardSwish: return try x * (x + 3).hardTanh(0, 6) / 6
        case .silu, .swish: return try x.silu()
        case .tanh: return try x.tanh()
        case .sigmoid: return try x.sigmoid()
        case .mish: return try x.mish()
        case .leakyRelu: return try x.leakyRelu()
        case .linear: return x
        }
    }

    /// act(gate)·up of a gated linear unit. Where neither has a gradient the result is in the memory of `gate`, which is
    /// then used up: a buffer of the network's widest layer less.
    public func gated(_ gate: Tensor, _ up: Tensor) throws -> Tensor {
        guard let fused else { return try self(gate) * up }
        guard try !gate.requiresGrad, try !up.requiresGrad else { return try gate.gated(up, by: fused) }
        try gate.gateInPlace(up, by: fused)
        return gate
    }

    /// The function as one of those whose gated unit is one node; nil for all others.
    private var fused: Tensor.GatedActivation? {
        switch self {
        case .silu, .swish: .silu
        case .gelu: .gelu
        case .geluNew, .geluTanh, .geluFast: .geluTanh
        default: nil
        }
    }
}
