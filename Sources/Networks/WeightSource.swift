import Torch

/// Where a network under construction takes its tensors from.
public protocol WeightSource {
    /// What to call it in messages: a folder's path.
    var name: String { get }
    /// Names in the network's own spelling.
    var tensorNames: [String] { get }
    /// The name in the file for one of `tensorNames`.
    func fileName(of name: String) -> String
    /// The tensor, nil when there is none.
    func tensor(_ name: String) throws -> Tensor?
}

/// Weights for a network that starts from nothing: every parameter is drawn by its initializer.
public struct RandomWeights: WeightSource {
    private let spelling: @Sendable (String) -> String

    /// An empty source.
    /// - Parameter fileName: how a checkpoint of the network's family would name a tensor.
    public init(fileName: @escaping @Sendable (String) -> String = { $0 }) {
        spelling = fileName
    }
    /// Says that there is no checkpoint.
    public var name: String { "a new network" }
    /// None.
    public var tensorNames: [String] { [] }
    /// The family's name for files.
    public func fileName(of name: String) -> String { spelling(name) }
    /// Never one.
    public func tensor(_ name: String) throws -> Tensor? { nil }
}

/// How a parameter starts when no checkpoint has it.
public enum Initializer: Sendable {
    case zeros
    case ones
    case normal(std: Double)
    /// Uniform between -1/√fanIn and 1/√fanIn, as torch's own layers start.
    case uniform(fanIn: Int)

    func draw(_ shape: [Int], key: RandomKey) throws -> Tensor {
        switch self {
        case .zeros: return try Tensor.zeros(shape)
        case .ones: return try Tensor.ones(shape)
        case .normal(let std): return try Tensor.normal(shape, std: std, key: key)
        case .uniform(let fanIn):
            let bound = 1 / Double(max(1, fanIn)).squareRoot()
            return try Tensor.uniform(shape, -bound, bound, key: key)
        }
    }
}

/// Tensors in memory as a source of weights.
public struct TensorWeights: WeightSource {
    private let tensors: [String: Tensor]

    /// A source of the given tensors.
    public init(_ tensors: [String: Tensor]) {
        self.tensors = tensors
    }

    /// Says that the tensors are in memory.
    public var name: String { "memory" }
    /// Names in order.
    public var tensorNames: [String] { tensors.keys.sorted() }
    /// The name itself.
    public func fileName(of name: String) -> String { name }
    /// The tensor of a name.
    public func tensor(_ name: String) throws -> Tensor? { tensors[name] }
}
