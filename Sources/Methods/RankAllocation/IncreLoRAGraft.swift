import Networks
import Torch

/// The pieces of one projection, what they compute, and what its score is made of.
public final class IncreLoRAGraft: ProjectionGraft {
    /// Rank-k factors that came together.
    public struct Piece {
        /// A: [k, in].
        public let a: Variable
        /// B: [out, k].
        public let b: Variable
        /// E: [k, 1].
        public let e: Variable
    }

    /// The pieces in the order of their arrival; those from `piecesInUse` on are the reserve.
    public private(set) var pieces: [Piece] = []
    /// Pieces that count.
    public private(set) var piecesInUse: Int
    /// Their rank, as files keep it: [1].
    public let rankNumber: Variable
    /// True while the forward notes what the score needs.
    var isMeasuring = false

    private let path: String
    private let sizes: (input: Int, output: Int)
    private let scaling: Double
    private let dropout: Double
    private let key: RandomKey
    private let probe = WeightGradientProbe()

    /// - Parameters:
    ///   - key: of the random draws of this projection.
    ///   - stored: the tensors of an adapter that is read.
    init(_ method: IncreLoRA, at site: Projection, key: RandomKey, stored: (any StoredTensors)?) throws {
        switch site.kind {
        case .linear, .transposedLinear: break
        case .convolution, .embedding:
            throw MethodError.option(
                "target_modules: \(site.path) is not a linear layer, the only kind that increlora is defined for")
        }
        path = site.path
        sizes = (site.inputSize, site.outputSize)
        scaling = method.scaling
        dropout = method.loraDropout
        self.key = key
        piecesInUse = 1
        rankNumber = try Variable("\(path).lora_ranknum", Tensor([Float(method.loraR)]), role: .frozen)
        if let stored {
            try readPieces(stored)
        } else {
            try addPiece(rank: method.loraR, e: 0)
        }
    }

    /// Pieces of the ranks that a file has.
    private func readPieces(_ stored: any StoredTensors) throws {
        let name = rankNumber.name
        guard let number = try stored.tensor(name), try number.count == 1 else {
            throw MethodError.stored("\(name) is not in the file as one number")
        }
        var ranks: [Int] = []
        while let a = try stored.tensor("\(path).lora_A.\(ranks.count)") {
            guard try a.rank == 2 else { throw MethodError.stored("\(path).lora_A.\(ranks.count) is not a matrix") }
            ranks.append(try a.size(0))
            try addPiece(rank: ranks[ranks.count - 1], e: 0)
        }
        let wanted = try number.item()
        let sums = ranks.indices.map { Double(ranks[...$0].reduce(0, +)) }
        guard let last = sums.firstIndex(of: wanted) else {
            throw MethodError.stored("\(name) is \(wanted), which no number of the pieces' ranks \(ranks) adds up to")
        }
        piecesInUse = last + 1
    }

    /// All pieces, and the rank in use.
    public var variables: [Variable] { pieces.flatMap { [$0.a, $0.b, $0.e] } + [rankNumber] }

    /// Rank in use.
    public var rank: Int {
        get throws { try pieces.prefix(piecesInUse).reduce(0) { try $0 + $1.e.value.count } }
    }

    /// The piece that is ready to grow by; nil before the first step.
    var reserve: Piece? { pieces.count > piecesInUse ? pieces[piecesInUse] : nil }
}

// MARK: Growth

extension IncreLoRAGraft {
    /// Another piece behind all.
    @discardableResult
    func addPiece(rank: Int, e: Double) throws -> Piece {
        let (index, key) = (pieces.count, key.derived(pieces.count))
        let piece = Piece(
            a: try Variable(
                "\(path).lora_A.\(index)", .normal([rank, sizes.input], std: 0.02, key: key.derived("A"))),
            b: try Variable(
                "\(path).lora_B.\(index)", .normal([sizes.output, rank], std: 0.02, key: key.derived("B"))),
            e: try Variable("\(path).lora_E.\(index)", .full([rank, 1], e)))
        pieces.append(piece)
        return piece
    }

    /// A reserve on the device of the rest, of which nothing trains until a group takes it.
    func addReserve(rank: Int, e: Double) throws {
        let piece = try addPiece(rank: rank, e: e)
        for variable in [piece.a, piece.b, piece.e] {
            try variable.replace(with: variable.value.to(rankNumber.value.device))
            try variable.value.setRequiresGrad(false)
        }
    }

    /// Takes the reserve into use.
    func useReserve() throws {
        piecesInUse = min(piecesInUse + 1, pieces.count)
        try rankNumber.load(Tensor([Float(rank)]))
    }

    /// Makes the pieces of a state; their values come afterwards.
    func restore(pieces count: Int, inUse: Int) throws {
        guard count >= 1, (1...count).contains(inUse) else {
            throw MethodError.stored("\(path) has \(inUse) of \(count) pieces in use in the checkpoint")
        }
        if pieces.count > count { pieces.removeLast(pieces.count - count) }
        while pieces.count < count { try addReserve(rank: 1, e: 0) }
        piecesInUse = inUse
    }
}

// MARK: Forward, score and merge

extension IncreLoRAGraft {
    /// A, B and E of all pieces, the reserve among them.
    func factors() throws -> (a: Tensor, b: Tensor, e: Tensor) {
        func joined(_ tensors: [Tensor], dim: Int = 0) throws -> Tensor {
            tensors.count == 1 ? tensors[0] : try .cat(tensors, dim: dim)
        }
        return (
            try joined(pieces.map(\.a.value)), try joined(pieces.map(\.b.value), dim: 1),
            try joined(pieces.map(\.e.value))
        )
    }

    var scale: Double {
        get throws { scaling / (Double(try rank) + 1e-5) }
    }

    /// `output` + dropout(x) ΔWᵀ.
    public func adding(
        to output: Tensor, base: Tensor, x: Tensor, at site: Projection, _ context: ForwardContext
    ) throws -> Tensor {
        let (a, b, e) = try factors()
        let dropped = try context.dropout(x, dropout, at: path).to(a.dtype).reshape([-1, sizes.input])
        var sum = try output.to(a.dtype).reshape([-1, sizes.output]).addmm(
            dropped.matmul((a * e).t()), b.t(), alpha: scale)
        if isMeasuring, context.isTraining {
            sum = try probe.noting(sum, dropped)
        }
        return try sum.reshape(output.shape).to(output.dtype)
    }

    /// S of the backward that just ended; nil where there was none. What it was made of is forgotten.
    func takeScore() throws -> Double? {
        guard let gradient = try probe.take() else { return nil }
        return try withoutGradients {
            let size = Double(sizes.input * sizes.output).squareRoot()
            return try (delta(dtype: gradient.dtype) * gradient).abs().sum().item() / size
        }
    }

    /// Forgets forwards whose backward is not to be scored.
    func forgetNotes() { probe.forget() }

    /// ΔW: [out, in].
    func delta(dtype: DType) throws -> Tensor {
        let (a, b, e) = try factors()
        return try b.to(dtype).matmul(a.to(dtype) * e.to(dtype)) * scale
    }

    /// The weight with ΔW in it.
    public func merged(weight: Tensor, bias: Tensor?, at site: Projection) throws -> (weight: Tensor, bias: Tensor?) {
        try withoutGradients { (try weight + site.layout(delta(dtype: weight.dtype)), bias) }
    }
}
