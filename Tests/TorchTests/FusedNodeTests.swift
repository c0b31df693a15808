import Testing

@testable import Torch

/// The fused nodes against their plain compositions: values and gradients.
struct FusedNodeTests {
    private let key = RandomKey(seed: 11)

    private func leaf(_ shape: [Int], _ name: String, _ dtype: DType) throws -> Tensor {
        try Tensor.normal(shape, key: key.derived(name), dtype: dtype).setRequiresGrad(true)
    }

    /// Runs both on leaves of their own and compares outputs and all gradients under the same upstream gradient.
    private func expectSame(
        _ shapes: [[Int]], dtype: DType, within bound: Double, fused: ([Tensor]) throws -> Tensor,
        plain: ([Tensor]) throws -> Tensor
    ) throws {
        func leaves() throws -> [Tensor] { try shapes.enumerated().map { try leaf($1, "\($0)", dtype) } }
        let (own, other) = (try leaves(), try leaves())
        let (found, expected) = (try fused(own), try plain(other))
        #expect(try found.shape == expected.shape)
        #expect(try (found.detach() - expected.detach()).abs().amax().item() < bound)
        let upstream = try Tensor.normal(expected.shape, key: key.derived("upstream"), dtype: dtype)
        try (found * upstream).sum().backward()
        try (expected * upstream).sum().backward()
        for (index, (a, b)) in zip(own, other).enumerated() {
            let difference = try (#require(try a.grad) - #require(try b.grad)).abs().amax().item()
            #expect(difference < bound, "gradient \(index)")
        }
    }

    private static let types: [(DType, Double)] = [(.float64, 1e-11), (.float32, 2e-3)]

    @Test(arguments: types, [0, 0.25])
    func lowRankLinearIsItsComposition(type: (DType, Double), p: Double) throws {
        let mask = key.derived("mask")
        // Large enough for every library that the engine chooses from, and rows that fill no tile.
        try expectSame(
            [[3, 17, 96], [80, 96], [80], [4, 96], [80, 4]], dtype: type.0, within: type.1,
            fused: {
                try $0[0].lowRankLinear(
                    $0[1], $0[2], factors: ($0[3], $0[4]), scaling: 0.5, dropout: p > 0 ? (p, mask) : nil)
            },
            plain: {
                let dropped = try $0[0].dropout(p, key: mask)
                let branch = try dropped.matmul($0[3].t()).matmul($0[4].t()) * 0.5
                return try $0[0].matmul($0[1].t()) + $0[2] + branch
            })
    }

    /// Magnitudes from which the node takes its output's share of the gradient, and such as it cannot divide by.
    private static let magnitudes: [[Float]] = [[1, -2, 0.5], [1, 0, 2], [1e-30, 1, 3], [1, 1e6, 1]]

    @Test(arguments: types, magnitudes)
    func lowRankLinearWithMagnitudesIsItsComposition(type: (DType, Double), magnitudes: [Float]) throws {
        let mask = key.derived("mask")
        let values = (0..<80).map { magnitudes[$0 % 3] }
        let largest = Double(magnitudes.map { abs($0) }.max() ?? 1)
        for (hasBias, p) in [(false, 0.0), (true, 0.0), (false, 0.25), (true, 0.25)] {
            func magnitude(_ leaf: Tensor) throws -> Tensor {
                // The given numbers, with the leaf's place in the graph.
                try Tensor(values).to(type.0) + (leaf - leaf.detach())
            }
            try expectSame(
                [[3, 17, 96], [80, 96], [80], [4, 96], [80, 4], [80]], dtype: type.0, within: type.1 * largest,
                fused: {
                    let y = try $0[0].lowRankLinear(
                        $0[1], hasBias ? $0[2] : nil, factors: ($0[3], $0[4]), magnitude: magnitude($0[5]),
                        scaling: 0.5,
                        dropout: p > 0 ? (p, mask) : nil)
                    return hasBias ? y : try y + $0[2] * 0
                },
                plain: {
                    let dropped = try $0[0].dropout(p, key: mask)
                    let branch = try dropped.matmul($0[3].t()).matmul($0[4].t()) * 0.5
                    let product = try ($0[0].matmul($0[1].t()) + branch) * magnitude($0[5])
                    return try product + $0[2] * (hasBias ? 1 : 0)
                })
        }
    }

    /// Outputs wider than inputs and the other way round: what is kept differs.
    @Test(arguments: types, [(96, 80), (80, 96)])
    func scaledBranchLinearIsItsComposition(type: (DType, Double), size: (input: Int, output: Int)) throws {
        let (input, output, rank) = (size.input, size.output, 72)
        let shared = try Tensor.normal([output, rank], key: key.derived("shared"), dtype: type.0)
        try expectSame(
            [[3, 23, input], [output, input], [output], [3, 23, rank], [rank], [output]], dtype: type.0, within: type.1,
            fused: {
                try $0[0].scaledBranchLinear($0[1], $0[2], hidden: $0[3], scales: ($0[4], $0[5]), shared: shared)
            },
            plain: {
                let branch = try ($0[3] * $0[4]).matmul(shared.t()) * $0[5]
                return try $0[0].matmul($0[1].t()) + $0[2] + branch
            })
    }

    @Test(arguments: types)
    func linearOfAnyLayoutIsTheProduct(type: (DType, Double)) throws {
        try expectSame(
            [[2, 24, 96], [80, 96], [80]], dtype: type.0, within: type.1,
            fused: { try $0[0].linear($0[1], $0[2]) }, plain: { try $0[0].matmul($0[1].t()) + $0[2] })
        // Weights stored [in, out], and rows that are a view of others.
        try expectSame(
            [[96, 2, 24], [96, 80]], dtype: type.0, within: type.1,
            fused: { try $0[0].permute([1, 2, 0]).linear($0[1].t()) },
            plain: { try $0[0].permute([1, 2, 0]).matmul($0[1]) })
    }

    @Test(arguments: types, [0.0, 1.0])
    func rmsNormIsItsComposition(type: (DType, Double), offset: Double) throws {
        try expectSame(
            [[2, 5, 24], [24]], dtype: type.0, within: type.1,
            fused: { try $0[0].rmsNorm($0[1], eps: 1e-6, offset: offset) },
            plain: { try $0[0] * (($0[0] * $0[0]).mean([-1], keepDim: true) + 1e-6).rsqrt() * ($0[1] + offset) })
    }

    @Test(arguments: types, [Tensor.GatedActivation.silu, .gelu, .geluTanh])
    func gatedUnitIsItsComposition(type: (DType, Double), activation: Tensor.GatedActivation) throws {
        try expectSame(
            [[3, 7, 12], [3, 7, 12]], dtype: type.0, within: type.1,
            fused: { try $0[0].gated($0[1], by: activation) },
            plain: {
                switch activation {
                case .silu: try $0[0].silu() * $0[1]
                case .gelu: try $0[0].gelu() * $0[1]
                case .geluTanh: try $0[0].geluTanh() * $0[1]
                }
            })
    }

    @Test(arguments: types, [Tensor.GatedActivation.silu, .gelu, .geluTanh])
    func gatedUnitInPlaceIsTheGatedUnit(type: (DType, Double), activation: Tensor.GatedActivation) throws {
        let both = try Tensor.normal([3, 7, 24], key: key.derived("both"), dtype: type.0)
        // Halves of one projection, as some networks have them: the other half stays as it is.
        let (gate, up) = (try both.narrow(2, 0, 12), try both.narrow(2, 12, 12))
        let (expected, other) = (try gate.gated(up, by: activation), try up.clone())
        try gate.gateInPlace(up, by: activation)
        #expect(try gate.isEqual(to: expected))
        #expect(try up.isEqual(to: other))
    }

    /// Without magnitudes, with them, and with them where no bias hides what they multiply.
    @Test(arguments: [(false, true), (true, true), (true, false)])
    func lowRankLinearAgreesWithFiniteDifferences(hasMagnitude: Bool, hasBias: Bool) throws {
        let shapes = [[5, 6], [4, 6], [2, 6], [4, 2]] + (hasBias ? [[4]] : []) + (hasMagnitude ? [[4]] : [])
        let values = try shapes.enumerated().map { try leaf($1, "fd\($0)", .float64) }
        func loss(_ t: [Tensor]) throws -> Tensor {
            let y = try t[0].lowRankLinear(
                t[1], hasBias ? t[4] : nil, factors: (t[2], t[3]), magnitude: hasMagnitude ? t[t.count - 1] : nil,
                scaling: 2)
            return try (y * y).sum()
        }
        try loss(values).backward()
        for (index, value) in values.enumerated() {
            let direction = try Tensor.normal(shapes[index], key: key.derived(index), dtype: .float64)
            func moved(_ step: Double) throws -> Double {
                var moved = try values.map { try $0.detach() }
                moved[index] = try moved[index] + direction * step
                return try loss(moved).item()
            }
            let slope = try (moved(1e-5) - moved(-1e-5)) / 2e-5
            let gradient = try (#require(try value.grad) * direction).sum().item()
            #expect(abs(slope - gradient) < 1e-6 * max(1, abs(slope)))
        }
    }

    @Test func lowRankLinearWithFrozenMagnitudesIsItsComposition() throws {
        let shapes = [[20, 96], [80, 96], [4, 96], [80, 4]]
        let frozen = try Tensor.normal([80], key: key.derived("frozen"))
        try expectSame(
            shapes, dtype: .float32, within: 2e-3,
            fused: { try $0[0].lowRankLinear($0[1], nil, factors: ($0[2], $0[3]), magnitude: frozen, scaling: 1) },
            plain: { try ($0[0].matmul($0[1].t()) + $0[0].matmul($0[2].t()).matmul($0[3].t())) * frozen })
    }

    @Test func magnitudesThatAreNoNumbersGetTheGradientOfTheirPlace() throws {
        let (x, w) = (try Tensor.normal([20, 96], key: key), try Tensor.normal([80, 96], key: key.derived("w")))
        let (a, b) = (try Tensor.normal([4, 96], key: key.derived("a")), try Tensor.zeros([80, 4]))
        var values = [Float](repeating: 1, count: 80)
        (values[3], values[4]) = (.infinity, .nan)
        let magnitude = try Tensor(values).setRequiresGrad(true)
        try x.lowRankLinear(w, nil, factors: (a, b), magnitude: magnitude, scaling: 1).sum().backward()
        let expected = try x.matmul(w.t()).sum([0])
        #expect(try (#require(try magnitude.grad) - expected).abs().amax().item() < 1e-3)
    }

    @Test func frozenWeightsGetNoGradientAndFrozenInputsNone() throws {
        let x = try Tensor.normal([20, 96], key: key)
        let frozen = try Tensor.normal([80, 96], key: key.derived("w"))
        let (a, b) = (try leaf([4, 96], "a", .float32), try leaf([80, 4], "b", .float32))
        try x.lowRankLinear(frozen, nil, factors: (a, b), scaling: 1).sum().backward()
        #expect(try x.grad == nil)
        #expect(try frozen.grad == nil)
        #expect(try a.grad != nil)
        #expect(try b.grad != nil)
    }
}
