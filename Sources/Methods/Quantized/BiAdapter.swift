import Networks
import Torch

/// Bottlenecks whose weights are rounded to very few bits in every forward, so that a file holds codes and two numbers
/// for each matrix.
///
///     W_q = σ·Q + μ    Q = codebook value nearest to Ŵ = (W − μ)/(σ + 1e-5)    μ, σ mean and deviation of all of W
///     adaptformer      x ← x + FFN(norm x) + s·Up_q(dropout(relu(Down_q x)))   beside every feed-forward branch
///     lora             y ← y + s·Up_q(dropout(Down_q x))                       beside query and value projections
///
/// Backward, Q counts as Ŵ, and μ and σ are differentiated. The codebook is fixed: of 2^bits values, each the median of
/// its cell under the standard normal distribution. Down is [r, d], U(−1/√d, 1/√d) at the start; Up [d, r] starts as a
/// normal of deviation 0.001 cut at ±0.002, since a constant matrix has no codes (zeros with `bits: 32`, which rounds
/// nothing). No biases. With `bihead` the classifier's matrix itself is rounded to one bit, without a bias; its start is
/// the classifier's.
///
/// The adapter's file holds `codes` (8/bits to a byte, the first in the lowest bits; the last byte is filled up), `mean`
/// and `std` of each matrix. A matrix that was read computes with exactly those values. The `lora` style merges.
///
/// Source: Jie et al. 2023 (arXiv:2307.16867), sections 3.2 and 3.3, and the released code.
public struct BiAdapter: TargetsModules, Equatable {
    /// Where the bottlenecks are.
    public var style = Style.adaptformer
    /// Bits of a weight; 32 rounds nothing.
    public var bits = 1
    /// Width of the bottleneck, r.
    public var dim = 32
    /// Factor of the branch, s.
    public var scale = 1.0
    /// Dropout inside the bottleneck in training.
    public var dropout = 0.1
    /// Whether the classifier's matrix is rounded to one bit.
    public var bihead = false
    /// For `adaptformer`, which blocks' branches; for `lora`, which projections; all, or query and value, by default.
    public var targeting = Targeting()

    /// Where the bottlenecks are.
    public enum Style: String, Codable, CaseIterable, Sendable {
        case adaptformer
        case lora
    }

    /// One bit, 32 wide.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "bi-adapter", summary: "Bottleneck adapters whose weights are trained to be one bit each.",
        family: "quantised", sites: "feed-forward sub-layers, or linear projections, parallel branch",
        paper: "Jie et al. 2023, arXiv:2307.16867", initContract: .differs, mergeContract: .never)

    /// Its options.
    public static let options: [MethodOption<BiAdapter>] = [
        .init("style", \.style),
        .init("bits", \.bits),
        .init("dim", \.dim),
        .init("scale", \.scale),
        .init("dropout", \.dropout),
        .init("bihead", \.bihead),
        .targetModules, .excludeModules, .modulesToSave,
    ]

    /// Refuses numbers that cannot be.
    public func validate() throws {
        try require([1, 2, 4, 8, 32].contains(bits), "bits: must be 1, 2, 4, 8 or 32, found \(bits)")
        try require(dim > 0, "dim: the bottleneck must be at least 1 wide, found \(dim)")
        try require(scale.isFinite, "scale: must be a number, found \(scale)")
        try require((0..<1).contains(dropout), "dropout: must be at least 0 and below 1, found \(dropout)")
    }

    /// A bottleneck at each chosen site, and the head.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        try validate()
        var set = GraftSet()
        switch style {
        case .adaptformer:
            for site in try feedForwards(of: model, start) {
                try requireStored(start, path: site.path, input: site.size)
                set.sublayers[site.path] = try BiAdapterBranch(
                    self, path: site.path, input: site.size, output: site.size, key: start.key.derived(site.path))
            }
        case .lora:
            for site in try projections(of: model, start) {
                guard site.isLinear else {
                    throw MethodError.option("target_modules: \(site.path) is no linear layer, which bi-adapter needs")
                }
                try requireStored(start, path: site.path, input: site.inputSize)
                set.projections[site.path] = try BiAdapterBranch(
                    self, path: site.path, input: site.inputSize, output: site.outputSize,
                    key: start.key.derived(site.path))
            }
        }
        try set.addModules(modulesToSave, of: model)
        if bihead { try roundHead(&set, of: model) }
        return set
    }

    /// Holds the width against the file of an adapter that is being read, before anything of that width is made.
    private func requireStored(_ start: GraftStart, path: String, input: Int) throws {
        let name = "\(path).adapter_down.weight"
        guard bits < 32 else { return try start.requireStored(dim, of: name) }
        let (count, overflows) = dim.multipliedReportingOverflow(by: input * bits)
        guard !overflows else { throw MethodError.option("dim: \(dim) is too wide for any memory") }
        try start.requireStored(count / 8 + (count % 8 > 0 ? 1 : 0), of: "\(name).codes")
    }

    private func feedForwards(of model: Model, _ start: GraftStart) throws -> [Sublayer] {
        let sites = model.sublayers.values.filter { $0.role == .feedForward }
        guard !sites.isEmpty else {
            throw MethodError.option("style: adaptformer needs feed-forward sub-layers, which this model lacks")
        }
        let paths = Set(
            try selection(start).paths(among: sites.map(\.path)))
        return sites.filter { paths.contains($0.path) }
    }

    /// Puts a one-bit matrix in the place of the last linear layer that is saved whole.
    private func roundHead(_ set: inout GraftSet, of model: Model) throws {
        let saved = model.projections.values.last { projection in
            if case .linear = projection.kind { return set.parameters[projection.weight.name] != nil }
            return false
        }
        guard let head = saved else {
            throw MethodError.option("bihead: needs the classifier among modules_to_save")
        }
        set.parameters[head.weight.name] = nil
        if let bias = head.bias { set.parameters[bias.name] = nil }
        set.projections[head.path] = try BinaryHead(at: head)
    }
}
