import Networks
import Torch

/// How LoRA's factors start: `init_lora_weights` in peft's spelling.
public enum LoRAInit: Sendable, Equatable, Codable {
    /// A uniform as torch's linear layers, B zero.
    case `default`
    /// Both as torch's layers start: not the identity.
    case random
    /// A normal with deviation 1/r, B zero.
    case gaussian
    /// Principal singular factors; the weight becomes the rest. With iterations: by randomised subspace iteration.
    case pissa(iterations: Int?)
    /// Leading factors of a QR decomposition; the weight becomes the rest.
    case olora
    /// Factors that make up for the quantisation of the weight.
    case loftq
    /// Rows of one orthogonal matrix, so that A and B are not zero but their product is.
    case orthogonal

    static let names = ["true", "false", "gaussian", "pissa", "pissa_niter_[n]", "olora", "loftq", "orthogonal"]

    /// Reads true, false or a name.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let flag = try? container.decode(Bool.self) {
            self = flag ? .default : .random
            return
        }
        let name = try container.decode(String.self)
        switch name.lowercased() {
        case "gaussian": self = .gaussian
        case "pissa": self = .pissa(iterations: nil)
        case "olora": self = .olora
        case "loftq": self = .loftq
        case "orthogonal": self = .orthogonal
        case let text where text.hasPrefix("pissa_niter_"):
            guard let count = Int(text.dropFirst("pissa_niter_".count)), count >= 0 else { fallthrough }
            self = .pissa(iterations: count)
        default:
            throw MethodError.option(
                "init_lora_weights: unknown value `\(name)`; known: \(LoRAInit.names.joined(separator: ", "))")
        }
    }

    /// Writes what `init(from:)` reads.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .default: try container.encode(true)
        case .random: try container.encode(false)
        case .gaussian: try container.encode("gaussian")
        case .pissa(nil): try container.encode("pissa")
        case .pissa(let count?): try container.encode("pissa_niter_\(count)")
        case .olora: try container.encode("olora")
        case .loftq: try container.encode("loftq")
        case .orthogonal: try container.encode("orthogonal")
        }
    }

    /// True for starts that leave the weight alone and know no structure.
    var isPlain: Bool {
        switch self {
        case .default, .random, .gaussian: true
        default: false
        }
    }

    /// True where the frozen weight becomes a residual.
    public var replacesBase: Bool {
        switch self {
        case .pissa, .olora, .loftq: true
        default: false
        }
    }
}

/// `loftq_config` in peft's spelling.
public struct LoftQConfig: Codable, Sendable, Equatable {
    /// Bits of the quantised weight: 4 (NF4 in blocks of 64) or 8 (absmax per row).
    public var bits = 4
    /// Alternations of quantisation and decomposition.
    public var iterations = 1

    enum CodingKeys: String, CodingKey {
        case bits = "loftq_bits"
        case iterations = "loftq_iter"
    }

    /// peft's defaults.
    public init() {}

    /// Reads the keys; absent ones keep their defaults.
    public init(from decoder: any Decoder) throws {
        let options = try decoder.container(keyedBy: CodingKeys.self)
        bits = try options.decodeIfPresent(Int.self, forKey: .bits) ?? bits
        iterations = try options.decodeIfPresent(Int.self, forKey: .iterations) ?? iterations
    }
}

/// What a start gives.
struct LoRAStart {
    var a: Tensor
    var b: Tensor
    var bBias: Tensor?
    var residual: Tensor?
    var isLowRankResidual = false
}

extension LoRAInit {
    /// The factors of a projection before the first step.
    func start(_ method: LoRA, rank: Int, scaling: Double, at site: Projection, key: RandomKey) throws -> LoRAStart {
        try withoutGradients {
            if isPlain { return try plainStart(method, rank: rank, at: site, key: key) }
            guard site.isLinear else {
                throw MethodError.option(
                    "init_lora_weights: \(site.path) is not a linear layer, the only kind this start is defined for")
            }
            let matrix = try site.matrix(site.weight.base).to(.float32)
            let limit = try min(matrix.size(0), matrix.size(1))
            guard rank <= limit else {
                throw MethodError.option("r: rank \(rank) is above the \(limit) directions that \(site.path) has")
            }
            switch self {
            case .orthogonal: return try LoRAInit.orthogonalStart(rank: rank, at: site, key: key)
            case .loftq:
                let result = try LoftQ(method.loftqConfig).decompose(matrix, rank: rank)
                return LoRAStart(a: result.a, b: result.b, residual: try site.residual(result.quantized))
            case .olora:
                // peft takes Q and R as they are: the product is not divided by s, the residual gives s times it away.
                let (q, r) = try matrix.qr()
                let (a, b) = (try r.narrow(0, 0, rank).contiguous(), try q.narrow(1, 0, rank).contiguous())
                return try LoRAInit.lowRankStart(a: a, b: b, matrix, scaling: scaling, at: site)
            case .pissa(let iterations):
                let (u, s, vT) = try LoRAInit.principal(matrix, rank: rank, iterations: iterations, key: key)
                let roots = try (s / scaling).sqrt()
                let (a, b) = (try vT * roots.unsqueeze(1), try u * roots)
                return try LoRAInit.lowRankStart(a: a, b: b, matrix, scaling: scaling, at: site)
            case .default, .random, .gaussian: return try plainStart(method, rank: rank, at: site, key: key)
            }
        }
    }

    private static func lowRankStart(a: Tensor, b: Tensor, _ matrix: Tensor, scaling: Double, at site: Projection)
        throws
        -> LoRAStart
    {
        let rest = try matrix - b.matmul(a) * scaling
        return LoRAStart(a: a, b: b, residual: try site.residual(rest), isLowRankResidual: true)
    }

    /// The `rank` largest singular values with their vectors.
    private static func principal(_ matrix: Tensor, rank: Int, iterations: Int?, key: RandomKey) throws
        -> (u: Tensor, s: Tensor, vT: Tensor)
    {
        guard let iterations else {
            let (u, s, vT) = try matrix.svd()
            return (try u.narrow(1, 0, rank), try s.narrow(0, 0, rank), try vT.narrow(0, 0, rank))
        }
        // Halko, Martinsson and Tropp 2011 (arXiv:0909.4061), algorithm 4.4.
        let probes = try Tensor.normal([matrix.size(1), rank], key: key.derived("pissa"))
        var q = try matrix.matmul(probes).qr().q
        for _ in 0..<iterations {
            q = try matrix.t().matmul(q).qr().q
            q = try matrix.matmul(q).qr().q
        }
        let (u, s, vT) = try q.t().matmul(matrix).svd()
        return (try q.matmul(u), s, vT)
    }

    /// datta0's construction, as in peft: odd and even rows of one orthogonal matrix.
    private static func orthogonalStart(rank: Int, at site: Projection, key: RandomKey) throws -> LoRAStart {
        guard rank % 2 == 0 else {
            throw MethodError.option("r: init_lora_weights orthogonal needs an even rank, found \(rank)")
        }
        let q = try Tensor.normal([rank, rank], key: key.derived("Q")).qr().q
        let (odd, even) = (try q.slice(0, to: rank, step: 2), try q.slice(0, from: 1, to: rank, step: 2))
        let left = try Tensor.normal([site.inputSize, rank / 2], key: key.derived("A"))
        let right = try Tensor.normal([rank / 2, site.outputSize], key: key.derived("B"))
        return LoRAStart(
            a: try (left.matmul(odd).t() / 10).contiguous(), b: try (right.t().matmul(even) / 10).contiguous())
    }

    private func plainStart(_ method: LoRA, rank: Int, at site: Projection, key: RandomKey) throws -> LoRAStart {
        let shapes = site.factorShapes(rank: rank)
        let (aKey, bKey) = (key.derived("A"), key.derived("B"))
        if site.isEmbedding {
            // peft: A zero and B normal, the other way round than for linear layers.
            let a = try self == .random ? Tensor.normal(shapes.a, key: aKey) : Tensor.zeros(shapes.a)
            return LoRAStart(a: a, b: try Tensor.normal(shapes.b, key: bKey))
        }
        let fanIn = shapes.a.dropFirst().reduce(1, *)
        let bound = 1 / Double(fanIn).squareRoot()
        let bBound = 1 / Double(rank).squareRoot()
        let a =
            try self == .gaussian
            ? Tensor.normal(shapes.a, std: 1 / Double(rank), key: aKey)
            : Tensor.uniform(shapes.a, -bound, bound, key: aKey)
        let b = try self == .random ? Tensor.uniform(shapes.b, -bBound, bBound, key: bKey) : Tensor.zeros(shapes.b)
        var start = LoRAStart(a: a, b: b)
        if method.loraBias {
            let size = [site.outputSize]
            start.bBias =
                try self == .random
                ? Tensor.uniform(size, -bBound, bBound, key: key.derived("bias")) : Tensor.zeros(size)
        }
        return start
    }
}

extension Projection {
    /// Shapes of A and B.
    func factorShapes(rank: Int) -> (a: [Int], b: [Int]) {
        switch kind {
        case .convolution(let shape): ([rank, shape.input] + shape.kernel, [shape.output, rank, 1, 1])
        default: ([rank, inputSize], [outputSize, rank])
        }
    }

    /// A residual matrix in the layout and type of the weight.
    func residual(_ matrix: Tensor) throws -> Tensor {
        try layout(matrix).to(weight.base.dtype)
    }
}
