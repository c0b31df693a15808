import Torch

/// A linear map of the network, and the site where a method may graft onto it: linear layers, GPT-2's transposed ones,
/// embeddings and convolutions. The network computes through it and knows no method.
public final class Projection {
    /// How the weight acts.
    public enum Kind: Sendable, Equatable {
        /// y = x Wᵀ + b, weight [out, in].
        case linear(input: Int, output: Int)
        /// y = x W + b, weight [in, out].
        case transposedLinear(input: Int, output: Int)
        /// Rows of the weight [count, size].
        case embedding(count: Int, size: Int)
        /// Weight [out, in / groups, height, width].
        case convolution(Convolution)
    }

    /// The shape of a two-dimensional convolution.
    public struct Convolution: Sendable, Equatable {
        /// Channels that go in.
        public var input: Int
        /// Channels that come out.
        public var output: Int
        /// Height and width of the kernel.
        public var kernel: [Int]
        /// Height and width of a step.
        public var stride: [Int]
        /// Rows and columns of zeros around the input.
        public var padding: [Int] = [0, 0]
        /// Groups of channels that do not mix.
        public var groups: Int = 1

        /// A convolution of one group without padding.
        public init(input: Int, output: Int, kernel: [Int], stride: [Int]) {
            self.input = input
            self.output = output
            self.kernel = kernel
            self.stride = stride
        }
    }

    /// Where it is in the network: `bert.encoder.layer.0.attention.self.query`.
    public let path: String
    /// How the weight acts.
    public let kind: Kind
    /// The weight, in the layout of `kind`.
    public let weight: Parameter
    /// The bias, if the layer has one.
    public let bias: Parameter?
    /// The row of an embedding's table that stands for padding: it is read, and gets no gradient from there.
    public let paddingRow: Int?
    /// The type that it computes in where its weight is streamed and has another.
    let streamedType: DType?
    /// Grafts in effect, in the order of their adapters.
    public private(set) var grafts: [any ProjectionGraft] = []
    /// What adapters side by side do here; nil where they do nothing, or where none are side by side.
    private(set) var lanes: ProjectionLanes?
    /// A weight that merging gave this projection alone, where others share its parameter.
    private(set) var ownWeight: Tensor?

    private init(
        path: String, kind: Kind, weight: Parameter, bias: Parameter?, paddingRow: Int?, streamedType: DType?
    ) {
        self.path = path
        self.kind = kind
        self.weight = weight
        self.bias = bias
        self.paddingRow = paddingRow
        self.streamedType = streamedType
    }

    private static func make(
        _ scope: Scope, _ kind: Kind, shape: [Int], biasSize: Int?, initializer: Initializer?, tied: Parameter? = nil,
        paddingRow: Int? = nil
    ) throws -> Projection {
        let projection = Projection(
            path: scope.path, kind: kind,
            weight: try tied ?? scope.streamedParameter("weight", shape, initializer: initializer),
            bias: try biasSize.map {
                try scope.parameter("bias", [$0], initializer: initializer == nil ? nil : .zeros, start: .zeros)
            }, paddingRow: paddingRow, streamedType: scope.builder.options.streams ? scope.dtype : nil)
        scope.builder.register(projection)
        return projection
    }

    /// A linear layer. With an initializer, a checkpoint may lack it (a new task's head); the bias then starts at zero.
    public static func linear(
        _ scope: Scope, input: Int, output: Int, bias: Bool = true, initializer: Initializer? = nil
    ) throws -> Projection {
        try make(
            scope, .linear(input: input, output: output), shape: [output, input], biasSize: bias ? output : nil,
            initializer: initializer)
    }

    /// A linear layer that shares the weight of an embedding, unless the checkpoint has other numbers for it.
    public static func linear(_ scope: Scope, tiedTo embedding: Projection, bias: Bool = false) throws -> Projection {
        guard case .embedding(let count, let size) = embedding.kind else {
            throw NetworkError.unsupported("\(scope.path) cannot share the weight of \(embedding.path)")
        }
        return try linear(scope, input: size, output: count, tiedTo: embedding.weight, bias: bias)
    }

    /// A linear layer that shares a weight [output, input], unless the checkpoint has other numbers for it.
    public static func linear(
        _ scope: Scope, input: Int, output: Int, tiedTo weight: Parameter, bias: Bool = false
    ) throws -> Projection {
        if try scope.differs("weight", from: weight) {
            return try linear(scope, input: input, output: output, bias: bias)
        }
        return try make(
            scope, .linear(input: input, output: output), shape: [], biasSize: bias ? output : nil, initializer: nil,
            tied: weight)
    }

    /// A table that shares a weight [count, size], unless the checkpoint has other numbers for it.
    public static func embedding(
        _ scope: Scope, count: Int, size: Int, tiedTo weight: Parameter, paddingRow: Int? = nil
    ) throws -> Projection {
        if try scope.differs("weight", from: weight) {
            return try embedding(scope, count: count, size: size, paddingRow: paddingRow)
        }
        return try make(
            scope, .embedding(count: count, size: size), shape: [], biasSize: nil, initializer: nil, tied: weight,
            paddingRow: paddingRow.map { $0 < 0 ? count + $0 : $0 })
    }

    /// A linear layer whose weight is stored [in, out], as GPT-2 does.
    public static func transposedLinear(_ scope: Scope, input: Int, output: Int) throws -> Projection {
        try make(
            scope, .transposedLinear(input: input, output: output), shape: [input, output], biasSize: output,
            initializer: nil)
    }

    /// A table of `count` rows.
    /// - Parameter paddingRow: the one of padding, which looking it up does not train; negative numbers count from the
    ///   end, as in torch.
    public static func embedding(_ scope: Scope, count: Int, size: Int, paddingRow: Int? = nil) throws -> Projection {
        try make(
            scope, .embedding(count: count, size: size), shape: [count, size], biasSize: nil, initializer: nil,
            paddingRow: paddingRow.map { $0 < 0 ? count + $0 : $0 })
    }

    /// A two-dimensional convolution.
    public static func convolution(_ scope: Scope, _ shape: Convolution, bias: Bool = true) throws -> Projection {
        try make(
            scope, .convolution(shape), shape: [shape.output, shape.input / shape.groups] + shape.kernel,
            biasSize: bias ? shape.output : nil, initializer: nil)
    }

    /// Size of the input: features, channels or rows of the table.
    public var inputSize: Int {
        switch kind {
        case .linear(let input, _), .transposedLinear(let input, _): input
        case .embedding(let count, _): count
        case .convolution(let shape): shape.input
        }
    }

    /// Size of the output: features or channels.
    public var outputSize: Int {
        switch kind {
        case .linear(_, let output), .transposedLinear(_, let output): output
        case .embedding(_, let size): size
        case .convolution(let shape): shape.output
        }
    }

    /// The dimension of the output that counts features or channels.
    public var channelAxis: Int {
        if case .convolution = kind { 1 } else { -1 }
    }

    /// Sets the grafts in effect; an empty list leaves the base alone. Those that change the weight act before all
    /// others, in the forward as in merging.
    func setGrafts(_ grafts: [any ProjectionGraft]) {
        self.grafts = Projection.inOrder(grafts)
        ownWeight = nil
        lanes = nil
    }

    /// Grafts in the order in which they act.
    static func inOrder(_ grafts: [any ProjectionGraft]) -> [any ProjectionGraft] {
        grafts.filter(\.changesWeight) + grafts.filter { !$0.changesWeight }
    }

    /// Sets what adapters side by side do, until grafts are set again.
    func setLanes(_ lanes: [ProjectionLanes.Lane]) {
        self.lanes = lanes.allSatisfy(\.isEmpty) ? nil : ProjectionLanes(lanes: lanes)
    }

    /// Parts this projection from those that share its weight, until grafts are set again.
    func setOwnWeight(_ tensor: Tensor) {
        ownWeight = tensor
    }

    /// The weight that it computes with where no graft acts.
    var plainWeight: Tensor { ownWeight ?? weight.value }
}

// MARK: Forward

extension Projection {
    /// The output for `x`: features in the last dimension, ids for an embedding, [rows, channels, height, width] for a
    /// convolution.
    public func callAsFunction(_ x: Tensor, _ context: ForwardContext) throws -> Tensor {
        try context.observer?(self, x)
        if let lanes { return try lanes.output(x, at: self, context) }
        if grafts.isEmpty { return try apply(plainWeight, bias?.value, to: x) }
        let frozen = try frozenWeight(weight.value, grafts)
        // A streamed weight is used piece by piece.
        if grafts.count == 1, streamedType == nil,
            let whole = try grafts[0].output(of: x, frozen: frozen, at: self, context)
        {
            return whole
        }
        // A graft wraps those before it: the last one sees the input first.
        var inputs: [Tensor] = []
        for graft in grafts.reversed() {
            inputs.append(try graft.input(inputs.last ?? x, at: self, context))
        }
        let weight = try grafts.reduce(frozen) { try $1.weight($0, at: self, context) }
        let base = try apply(weight, bias?.value, to: inputs.last ?? x)
        var output = base
        for (graft, input) in zip(grafts, inputs.reversed()) {
            output = try graft.adding(to: output, base: base, x: input, at: self, context)
        }
        return output
    }

    /// The map with another weight of the same layout.
    public func apply(_ weight: Tensor, _ bias: Tensor?, to x: Tensor) throws -> Tensor {
        if let streamedType { return try applyStreamed(weight, bias, to: x, in: streamedType) }
        switch kind {
        case .linear: return try x.linear(weight, bias)
        case .transposedLinear: return try x.linear(weight.t(), bias)
        case .embedding: return try rows(of: weight, at: x)
        case .convolution(let shape):
            return try x.conv2d(weight, bias, stride: shape.stride, padding: shape.padding, groups: shape.groups)
        }
    }

    /// The rows of a table at the ids, where those of padding give the table no gradient.
    public func rows(of table: Tensor, at ids: Tensor) throws -> Tensor {
        let rows = try table.embedding(ids)
        guard let paddingRow, try rows.requiresGrad else { return rows }
        return try Tensor.where(ids.eq(Double(paddingRow)).unsqueeze(-1), rows.detach(), rows)
    }

    /// The base weight as grafts want it: itself, or with residuals in its place.
    func frozenWeight(_ weight: Tensor, _ grafts: [any ProjectionGraft]) throws -> Tensor {
        let residuals = grafts.compactMap(\.residual)
        guard let first = residuals.first else {
            // Grafts meet the weight in the type that the network computes in.
            return try streamedType.map { try weight.to($0) } ?? weight
        }
        // Each residual is the base less what its graft adds at the start; several take all of that away.
        return try residuals.dropFirst().reduce(first) { try $0 + $1 - weight }
    }
}
