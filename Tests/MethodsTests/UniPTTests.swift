import Networks
import Testing
import Torch

@testable import Methods

@Suite struct UniPTTests {
    private func network(_ variant: UniPT.Variant = .anchorLast) throws -> UniPTNetwork {
        var method = UniPT()
        method.variant = variant
        return try UniPTNetwork(
            method, .init(path: "", hidden: 8, width: 4, output: 10),
            guided: Array(0..<(variant == .anchorLast ? 3 : 4)),
            key: RandomKey(seed: 1))
    }

    private func states(_ scale: Double = 1) throws -> [Tensor] {
        try (0..<4).map { try .normal([2, 5, 8], std: scale, key: RandomKey(seed: 2).derived($0)) }
    }

    private func mask() throws -> Tensor {
        try Tensor([1, 1, 1, 0, 0, 1, 1, 1, 1, 1] as [Float], shape: [2, 5])
    }

    @Test func theNumberOfParametersIsTheFormulas() throws {
        let count = try network().variables.reduce(0) { $0 + (try $1.value.count) }
        let (d, m, output) = (8, 4, 10)
        #expect(count == 4 * (d * m + 3 * m) + m * m + 3 * m + m * output + output + m + 1)
    }

    @Test func confidencesSumToOne() throws {
        let sums: [Float] = try network().mixed(states(), mask: mask()).confidence.sum([1]).array()
        #expect(sums.allSatisfy { abs($0 - 1) < 1e-6 })
    }

    @Test func whatPaddingHoldsDoesNotReachTokens() throws {
        let network = try network()
        let (plain, mask) = (try states(), try mask())
        let hidden = try mask.unsqueeze(2)
        let filled = try plain.map { try $0 * hidden + (-hidden + 1) * 3 }
        let (first, second) = (
            try network.mixed(plain, mask: mask).output * hidden, try network.mixed(filled, mask: mask).output * hidden
        )
        #expect(try (first - second).abs().amax().item() < 1e-6)
    }

    @Test func aPooledAnchorGivesOneToken() throws {
        let y = try network(.anchorEmbedding).mixed(
            states(), mask: mask(), embedding: .normal([2, 1, 10], key: RandomKey(seed: 3)),
            position: Tensor([2, 4]).to(.int64)
        ).output
        #expect(try y.shape == [2, 1, 10])
    }

    @Test func rowsWithoutTokensAndSimilaritiesStayFinite() throws {
        let y = try network().mixed(states(0), mask: .zeros([2, 5])).output
        #expect(try y.isAllFinite())
    }

    @Test func optionsThatCannotBeAreRefused() throws {
        for options in ["\"reduction\": 0", "\"layers\": []", "\"layers\": [1, 1]", "\"l1_eps\": 0"] {
            #expect(throws: MethodError.self) {
                try MethodConfiguration(.init(.parse("{\"name\": \"unipt\", \(options)}")))
            }
        }
    }
}
