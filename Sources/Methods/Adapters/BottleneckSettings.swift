import Networks
import Torch

/// How the two maps of a bottleneck start.
public enum BottleneckStart: String, Codable, CaseIterable, Sendable {
    /// Both weights normal of deviation 1e-3, cut at two deviations.
    case truncatedNormal = "truncated_normal"
    /// Both weights normal of deviation 0.02.
    case bert
    /// The first uniform within 1/√size, the second zero: the branch adds nothing at first.
    case lora
}

/// What joins what at a sub-layer with residual x, input z and branch output h.
public enum BottleneckWiring: String, Codable, CaseIterable, Sendable {
    /// x + h + A(h): Houlsby's.
    case sequential
    /// x + h + A(norm(x + h)) where a norm follows the sum, x + h + A(h) where none does: Pfeiffer's.
    case pfeiffer
    /// x + h + A(z): He's.
    case parallel
}

/// Where a bottleneck has a norm of its own.
public enum BottleneckNorm: String, Codable, CaseIterable, Sendable {
    case none
    /// Before the first map.
    case input = "in"
    /// Behind the factor.
    case output = "out"
}

/// The factor of a bottleneck.
public enum BottleneckScale: Equatable, Sendable {
    case fixed(Double)
    /// Trained, from 1.
    case learnable
}

/// How a bottleneck is made, whatever its place.
struct BottleneckSettings {
    var width: Int
    var activation: Activation
    var start: BottleneckStart
    var wiring: BottleneckWiring
    var scale = BottleneckScale.fixed(1)
    var dropout = 0.0
    var norm = BottleneckNorm.none
}

extension BottleneckScale: Codable {
    private static let learnableName = "learnable_scalar"

    /// A number, or `learnable_scalar`.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let name = try? container.decode(String.self) {
            guard name == Self.learnableName else {
                throw MethodError.option(
                    "the adapter's scalar must be a number or \(Self.learnableName), found `\(name)`")
            }
            self = .learnable
        } else {
            self = .fixed(try container.decode(Double.self))
        }
    }

    /// Writes what `init(from:)` reads.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .fixed(let factor): try container.encode(factor)
        case .learnable: try container.encode(Self.learnableName)
        }
    }
}

extension BottleneckStart {
    func first(_ shape: [Int], _ key: RandomKey) throws -> Tensor {
        switch self {
        case .truncatedNormal: return try Tensor.truncatedNormal(shape, std: 1e-3, key: key)
        case .bert: return try Tensor.normal(shape, std: 0.02, key: key)
        case .lora:
            let bound = 1 / Double(max(1, shape[1])).squareRoot()
            return try Tensor.uniform(shape, -bound, bound, key: key)
        }
    }

    func second(_ shape: [Int], _ key: RandomKey) throws -> Tensor {
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

extension MethodOption {
    /// An activation by one of the names that configurations have for it.
    init(_ key: String, _ property: WritableKeyPath<Owner, Activation> & Sendable) {
        self.init(
            key, property,
            reading: { keys, key in
                guard let name = try keys.decodeIfPresent(String.self, forKey: key) else { return nil }
                do {
                    return try Activation(named: name, field: key.stringValue)
                } catch {
                    throw MethodError.option("\(error)")
                }
            },
            writing: { $0 })
    }
}

extension MethodError {
    /// Refuses a rate that is none.
    static func requireDropout(_ rate: Double, option: String) throws {
        guard (0..<1).contains(rate) else {
            throw MethodError.option("\(option): must be at least 0 and below 1, found \(rate)")
        }
    }
}
