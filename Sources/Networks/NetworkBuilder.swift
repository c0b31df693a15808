import OrderedCollections
import Support
import Torch

/// Collects what a network is made of while its layers are being made: parameters by name, sites by path.
public final class NetworkBuilder {
    /// How the network is to be made.
    public struct Options: Sendable {
        /// Type that floating-point weights are held and computed in.
        public var dtype: DType
        /// Where the weights go.
        public var device: Device
        /// Seed of parameters that the checkpoint lacks.
        public var seed: Int
        /// Draws every parameter that is missing, not only a task's head: for networks without a checkpoint.
        public var drawsMissing: Bool

        /// Leaves the weights of projections in their files, in the type they are stored in: what a forward needs of
        /// them is converted piece by piece and let go of. For networks larger than the memory; on the CPU alone.
        public var streams: Bool

        /// fp32 on the CPU by default.
        public init(
            dtype: DType = .float32, device: Device = .cpu, seed: Int = 42, drawsMissing: Bool = false,
            streams: Bool = false
        ) {
            self.dtype = dtype
            self.device = device
            self.seed = seed
            self.drawsMissing = drawsMissing
            self.streams = streams
        }
    }

    let source: any WeightSource
    let options: Options
    private let known: Set<String>
    private(set) var parameters: OrderedDictionary<String, Parameter> = [:]
    private(set) var projections: OrderedDictionary<String, Projection> = [:]
    private(set) var norms: OrderedDictionary<String, Norm> = [:]
    private(set) var sublayers: OrderedDictionary<String, Sublayer> = [:]
    private(set) var attentions: OrderedDictionary<String, AttentionSite> = [:]
    private(set) var bodies: OrderedDictionary<String, Body> = [:]

    /// A builder that takes tensors from `source`.
    public init(source: any WeightSource, options: Options = Options()) {
        self.source = source
        self.options = options
        known = Set(source.tensorNames)
    }

    /// The root of the names.
    public var root: Scope { Scope(builder: self, path: "") }

    /// Names of the source that no layer took.
    public var untaken: [String] { source.tensorNames.filter { parameters[$0] == nil } }

    func has(_ name: String) -> Bool { known.contains(name) }

    func register(_ projection: Projection) {
        projections[projection.path] = projection
    }

    func register(_ norm: Norm) { norms[norm.path] = norm }
    func register(_ sublayer: Sublayer) { sublayers[sublayer.path] = sublayer }
    func register(_ attention: AttentionSite) { attentions[attention.path] = attention }
    func register(_ body: Body) { bodies[body.path] = body }

    func parameter(
        _ name: String, shape: [Int], initializer: Initializer?, start: Initializer, isStreamed: Bool = false
    ) throws -> Parameter {
        if let existing = parameters[name] { return existing }
        let parameter: Parameter
        if has(name), let tensor = try source.tensor(name) {
            let found = try tensor.shape
            guard found == shape else { throw NetworkError.shape(name: name, expected: shape, found: found) }
            parameter = Parameter(
                name: name, fileName: source.fileName(of: name), base: isStreamed ? tensor : try placed(tensor),
                isNew: false, isStreamed: isStreamed)
        } else if let initializer = initializer ?? (options.drawsMissing ? start : nil) {
            let drawn = try initializer.draw(shape, key: RandomKey(seed: options.seed).derived("new").derived(name))
            parameter = Parameter(
                name: name, fileName: source.fileName(of: name), base: try placed(drawn), isNew: !options.drawsMissing)
        } else {
            throw NetworkError.missingTensor(
                name: name, source: source.name, nearest: nearestMatch(to: name, in: source.tensorNames))
        }
        parameters[name] = parameter
        return parameter
    }

    /// A tensor that the network computes with and nobody trains; nil where the source has none.
    func buffer(_ name: String, shape: [Int]) throws -> Tensor? {
        guard has(name), let tensor = try source.tensor(name) else { return nil }
        let found = try tensor.shape
        guard found == shape else { throw NetworkError.shape(name: name, expected: shape, found: found) }
        return try placed(tensor)
    }

    /// True when the source has a tensor of this name that is not the parameter's.
    func differs(_ name: String, from parameter: Parameter) throws -> Bool {
        guard has(name), let tensor = try source.tensor(name) else { return false }
        guard parameter.isStreamed else { return try !placed(tensor).isEqual(to: parameter.base) }
        defer { try? tensor.releasePages() }
        let isEqual = try tensor.dtype == parameter.base.dtype && tensor.isEqual(to: parameter.base)
        try parameter.releaseStreamed()
        return !isEqual
    }

    private func placed(_ tensor: Tensor) throws -> Tensor {
        let typed = try tensor.dtype.isFloatingPoint ? tensor.to(options.dtype) : tensor
        return try typed.to(options.device)
    }
}

/// A place in the tree of names, handed to the layers that are made there.
public struct Scope {
    let builder: NetworkBuilder
    /// The path from the root, without a dot at the end.
    public let path: String

    /// The place below with this name.
    public func callAsFunction(_ name: String) -> Scope {
        Scope(builder: builder, path: path.isEmpty ? name : path + "." + name)
    }

    /// The place below with this index.
    public func callAsFunction(_ index: Int) -> Scope { self(String(index)) }

    /// The parameter of this name and shape.
    /// - Parameters:
    ///   - initializer: for parameters that a checkpoint may lack, such as a new task's head; without it a missing
    ///     tensor is an error.
    ///   - start: how it begins in a network without any checkpoint.
    public func parameter(
        _ name: String, _ shape: [Int], initializer: Initializer? = nil, start: Initializer = .normal(std: 0.02)
    ) throws -> Parameter {
        try builder.parameter(self(name).path, shape: shape, initializer: initializer, start: start)
    }

    /// The parameter of this name and shape, which stays in its file where the network streams its weights.
    func streamedParameter(_ name: String, _ shape: [Int], initializer: Initializer?) throws -> Parameter {
        try builder.parameter(
            self(name).path, shape: shape, initializer: initializer, start: .normal(std: 0.02),
            isStreamed: builder.options.streams)
    }

    /// The type that the network computes in.
    public var dtype: DType { builder.options.dtype }

    /// A tensor of this name that is no parameter: nobody trains it. Nil where the source has none.
    public func buffer(_ name: String, _ shape: [Int]) throws -> Tensor? {
        try builder.buffer(self(name).path, shape: shape)
    }

    /// True when the source has a tensor of this name here.
    public func has(_ name: String) -> Bool { builder.has(self(name).path) }

    /// True when the source has a tensor of this name here with other numbers than the parameter: the two are not tied,
    /// whatever the configuration says.
    public func differs(_ name: String, from parameter: Parameter) throws -> Bool {
        try builder.differs(self(name).path, from: parameter)
    }
}
