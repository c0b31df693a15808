import Torch

/// A branch of a block with its residual and its norms, and the site of adapters that stand beside or behind the branch.
public final class Sublayer {
    /// What the branch does.
    public enum Role: String, Sendable {
        case attention
        case crossAttention
        case feedForward
    }

    /// Where the norms stand.
    public enum Placement {
        /// x + branch(norm x).
        case before(Norm)
        /// norm(x + branch x).
        case after(Norm)
        /// x + last(branch(first x)).
        case around(Norm, Norm)
        /// x + branch x.
        case none
    }

    /// What a graft sees of one pass.
    public struct Pass {
        /// What the residual carries, [rows, length, size].
        public let residual: Tensor
        /// What went into the branch: the residual, or its norm.
        public let input: Tensor
        /// What came out of the branch, after dropout, with the grafts before this one.
        public let branch: Tensor
    }

    /// The layer's path with `.attention`, `.cross_attention` or `.mlp` at its end; the names of an adapter's tensors
    /// start with it.
    public let path: String
    /// What the branch does.
    public let role: Role
    /// Channels of the residual.
    public let size: Int
    /// Where the norms stand.
    public let placement: Placement
    /// The projections of the branch, by what they do.
    public let structure: Structure
    /// Grafts in effect, in the order of their adapters.
    public private(set) var grafts: [any SublayerGraft] = []
    /// The grafts of adapters side by side; nil where they have none, or where none are side by side.
    private var lanes: [[any SublayerGraft]]?

    /// - Parameter scope: the block's place.
    public init(
        _ scope: Scope, _ role: Role, size: Int, placement: Placement, structure: Structure
    ) {
        let names: [Role: String] = [.attention: "attention", .crossAttention: "cross_attention", .feedForward: "mlp"]
        path = scope(names[role] ?? role.rawValue).path
        self.role = role
        self.size = size
        self.placement = placement
        self.structure = structure
        scope.builder.register(self)
    }

    /// The norm that follows the branch's sum with the residual; nil where there is none.
    public var normAfter: Norm? {
        if case .after(let norm) = placement { norm } else { nil }
    }

    /// The residual with the branch's contribution.
    /// - Parameters:
    ///   - x: the residual [rows, length, size].
    ///   - wanted: the positions that are read after it, which are all that `branch` then gives; nil for all.
    ///   - dropout: of the branch's output in training.
    ///   - branch: takes the branch's input, of all positions.
    public func callAsFunction(
        _ x: Tensor, wanted layout: TokenLayout? = nil, dropout: Double = 0, _ context: ForwardContext,
        branch: (Tensor) throws -> Tensor
    ) throws -> Tensor {
        func wanted(_ tensor: Tensor) throws -> Tensor { try layout?.gathered(tensor) ?? tensor }
        var input = x
        var last: Norm?
        switch placement {
        case .before(let norm): input = try norm(x, context)
        case .around(let first, let second): (input, last) = (try first(x, context), second)
        case .after, .none: break
        }
        var output = try branch(input)
        if let last { output = try last(output, context) }
        output = try context.dropout(output, dropout, at: path)
        for graft in grafts {
            output = try graft.branchOutput(
                Pass(residual: wanted(x), input: wanted(input), branch: output), at: self, context)
        }
        if let lanes {
            output = try laneOutputs(Pass(residual: wanted(x), input: wanted(input), branch: output), lanes, context)
        }
        let sum = try wanted(x) + output
        return try normAfter.map { try $0(sum, context) } ?? sum
    }

    /// Sets the grafts in effect; an empty list leaves the base alone.
    func setGrafts(_ grafts: [any SublayerGraft]) {
        self.grafts = grafts
        lanes = nil
    }

    /// Sets the grafts of adapters side by side, until grafts are set again.
    func setLanes(_ lanes: [[any SublayerGraft]]) {
        self.lanes = lanes.allSatisfy(\.isEmpty) ? nil : lanes
    }

    /// Whether adapters side by side do something here.
    var hasLanes: Bool { lanes != nil }

    /// The branch's output, the rows of one lane after those of the other.
    private func laneOutputs(
        _ pass: Pass, _ lanes: [[any SublayerGraft]], _ context: ForwardContext
    ) throws -> Tensor {
        try context.requireLanes(lanes.count, at: path)
        let own = try context.ofOneLane()
        let outputs = try lanes.enumerated().map { index, grafts in
            func slice(_ x: Tensor) throws -> Tensor { try Lanes.slice(x, index, of: lanes.count) }
            let (residual, input) = (try slice(pass.residual), try slice(pass.input))
            return try grafts.reduce(slice(pass.branch)) { branch, graft in
                try graft.branchOutput(Pass(residual: residual, input: input, branch: branch), at: self, own)
            }
        }
        return try Tensor.cat(outputs, dim: 0)
    }
}

/// What a method puts at a sub-layer.
public protocol SublayerGraft: SiteGraft {
    /// What joins the residual in the place of `pass.branch`.
    func branchOutput(_ pass: Sublayer.Pass, at site: Sublayer, _ context: ForwardContext) throws -> Tensor
}

/// Some of the outputs of a projection: all of them, or a part of a fused one.
public struct ProjectionSlice {
    /// The projection.
    public let projection: Projection
    /// Its outputs that are meant.
    public let outputs: Range<Int>

    /// All outputs of a projection.
    public init(_ projection: Projection) {
        self.projection = projection
        outputs = 0..<projection.outputSize
    }

    /// A part of a projection's outputs.
    public init(_ projection: Projection, outputs: Range<Int>) {
        self.projection = projection
        self.outputs = outputs
    }
}

extension Sublayer {
    /// The projections of a branch by what they do: which outputs of some are inputs of others.
    public enum Structure {
        /// Heads of `headSize` outputs; several heads of queries may share one of keys and values, in their order. The
        /// inputs of `output` are the queries' heads.
        case attention(
            query: ProjectionSlice, key: ProjectionSlice, value: ProjectionSlice, output: Projection, heads: Int,
            keyHeads: Int, headSize: Int)
        /// down(act(gate x)·up x), or down(act(up x)) without a gate. Inputs of `down` are outputs of both.
        case feedForward(gate: ProjectionSlice?, up: ProjectionSlice, down: Projection)

        /// The projections, each once.
        public var projections: [Projection] {
            let all: [Projection]
            switch self {
            case .attention(let query, let key, let value, let output, _, _, _):
                all = [query.projection, key.projection, value.projection, output]
            case .feedForward(let gate, let up, let down):
                all = (gate.map { [$0.projection] } ?? []) + [up.projection, down]
            }
            var seen: Set<ObjectIdentifier> = []
            return all.filter { seen.insert(ObjectIdentifier($0)).inserted }
        }
    }
}
