import Testing
import Torch

@testable import Networks

/// Holds attention against a plain reference, which asks for every query and key whether the one may see the other.
@Suite struct AttentionMaskTests {
    private static let full = AttentionPattern(causal: false)
    private static let causal = AttentionPattern(causal: true)
    private static let (rows, heads, keys, size) = (3, 2, 7, 4)

    /// Three rows of padding, as tokenizers, generation and damaged input make it.
    private static let paddings: [String: [[Int64]]] = [
        "none": [[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1]],
        "right": [[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0]],
        "left": [[1, 1, 1, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0, 1]],
        "holes": [[1, 0, 1, 1, 0, 1, 1], [0, 1, 1, 0, 1, 1, 0], [1, 1, 0, 0, 0, 1, 1]],
        "whole row": [[1, 1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 0, 0]],
    ]

    /// One attention with its inputs as leaves.
    private struct Trial {
        var pattern: AttentionPattern
        var queries = AttentionMaskTests.keys
        var padding: [[Int64]]?
        var segments: [[Int64]]?
        var dropout = 0.0
        var softcap: Double?

        func leaf(_ name: String, _ length: Int) throws -> Tensor {
            let shape = [rows, heads, length, size]
            return try Tensor.normal(shape, key: RandomKey(seed: 7).derived(name)).setRequiresGrad(true)
        }

        var input: ModelInput {
            get throws {
                ModelInput(
                    attentionMask: try padding.map { try Tensor($0.flatMap { $0 }, shape: [rows, keys]) },
                    segmentIDs: try segments.map { try Tensor($0.flatMap { $0 }, shape: [rows, keys]) })
            }
        }

        /// The result [rows, queries, heads·size] and the gradients of its sum of squares for q, k and v.
        func run(_ context: ForwardContext = ForwardContext()) throws -> (result: Tensor, gradients: [Tensor]) {
            let leaves = [try leaf("q", queries), try leaf("k", keys), try leaf("v", keys)]
            let settings = AttentionSettings(scale: 0.5, softcap: softcap, dropout: dropout, pattern: pattern)
            let result = try context.attention(leaves[0], leaves[1], leaves[2], settings, input: input, at: "here")
            try (result * result).sum().backward()
            return (result, try leaves.map { try #require(try $0.grad) })
        }

        /// Whether a query of this index among all positions may see a key.
        func sees(row: Int, query: Int, key: Int) -> Bool {
            if pattern.causal, key > query { return false }
            if let window = pattern.window, key <= query - window || (!pattern.causal && key >= query + window) {
                return false
            }
            if let segments, segments[row][key] != segments[row][query] { return false }
            return padding.map { $0[row][key] != 0 } ?? true
        }

        /// The largest difference to the reference over the queries that see anything and are no padding themselves.
        func deviation(_ context: ForwardContext = ForwardContext()) throws -> Double {
            let result = try run(context).result
            var (allowed, counts) = ([UInt8](), [Float]())
            for row in 0..<rows {
                for query in keys - queries..<keys {
                    let visible = (0..<keys).map { sees(row: row, query: query, key: $0) }
                    allowed += visible.map { $0 ? 1 : 0 }
                    let isToken = padding.map { $0[row][query] != 0 } ?? true
                    counts.append(visible.contains(true) && isToken ? 1 : 0)
                }
            }
            let mask = try Tensor(allowed, shape: [rows, 1, queries, keys]).eq(0)
            let scores = try leaf("q", queries).matmul(leaf("k", keys).transpose(-2, -1)) * 0.5
            let capped = try softcap.map { try (scores / $0).tanh() * $0 } ?? scores
            let weights = try capped.maskedFill(mask, -1e30).softmax()
            let expected = try weights.matmul(leaf("v", keys)).transpose(1, 2).reshape([rows, queries, -1])
            let difference = try (result - expected) * Tensor(counts, shape: [rows, queries, 1])
            return try difference.abs().amax().item()
        }
    }

    private static let windows: [Int?] = [nil, 1, 3, 7, 20]

    @Test(arguments: paddings.keys.sorted(), [false, true])
    func paddingIsNeverSeen(_ name: String, _ isCausal: Bool) throws {
        for window in Self.windows {
            let pattern = AttentionPattern(causal: isCausal, window: window)
            let trial = Trial(pattern: pattern, padding: Self.paddings[name])
            #expect(try trial.deviation() < 1e-5, "window \(window ?? 0)")
            #expect(try Trial(pattern: pattern, padding: Self.paddings[name], softcap: 2).deviation() < 1e-5)
        }
    }

    @Test(arguments: paddings.keys.sorted(), [false, true])
    func gradientsStayFiniteWhereNothingIsSeen(_ name: String, _ isCausal: Bool) throws {
        for dropout in [0.0, 0.3] {
            let trial = Trial(
                pattern: AttentionPattern(causal: isCausal, window: 2), padding: Self.paddings[name], dropout: dropout)
            let (result, gradients) = try trial.run(ForwardContext(isTraining: true))
            #expect(try result.isAllFinite())
            for gradient in gradients { #expect(try gradient.isAllFinite()) }
        }
    }

    @Test func paddedKeysAndValuesGetNoGradientFromTokens() throws {
        let (_, gradients) = try Trial(pattern: Self.full, padding: Self.paddings["right"]).run()
        for gradient in gradients.dropFirst() {
            // Row 1 has padding from position 4 on.
            let padded = try gradient.select(0, 1).narrow(1, 4, 3)
            #expect(try padded.abs().amax().item() == 0)
            #expect(try gradient.select(0, 1).narrow(1, 0, 4).abs().amax().item() > 0)
        }
    }

    @Test(arguments: [false, true])
    func attentionStaysInsideASegment(_ isCausal: Bool) throws {
        let segments: [[Int64]] = [[0, 0, 0, 1, 1, 2, 2], [0, 1, 2, 3, 4, 5, 6], [0, 0, 0, 0, 0, 0, 0]]
        for window in Self.windows {
            let pattern = AttentionPattern(causal: isCausal, window: window)
            #expect(try Trial(pattern: pattern, segments: segments).deviation() < 1e-5)
            let padded = Trial(pattern: pattern, padding: Self.paddings["right"], segments: segments)
            #expect(try padded.deviation() < 1e-5)
        }
    }

    @Test(arguments: [1, 2, 6])
    func theQueriesOfACacheAreTheLastPositions(_ queries: Int) throws {
        let segments: [[Int64]] = [[0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 0]]
        for name in Self.paddings.keys.sorted() {
            for window in Self.windows {
                let pattern = AttentionPattern(causal: true, window: window)
                let trial = Trial(pattern: pattern, queries: queries, padding: Self.paddings[name])
                #expect(try trial.deviation() < 1e-5, "\(name), window \(window ?? 0)")
            }
        }
        #expect(try Trial(pattern: Self.causal, queries: queries, segments: segments).deviation() < 1e-5)
    }

    @Test func oneContextServesBatchesOfDifferentPadding() throws {
        let context = ForwardContext()
        for name in Self.paddings.keys.sorted() {
            #expect(try Trial(pattern: Self.causal, padding: Self.paddings[name]).deviation(context) < 1e-5, "\(name)")
            #expect(try Trial(pattern: Self.full, padding: Self.paddings[name]).deviation(context) < 1e-5, "\(name)")
            #expect(try Trial(pattern: Self.causal, queries: 2).deviation(context) < 1e-5)
        }
    }

    @Test func theLayersOfABatchShareTheirMask() throws {
        var masks = AttentionMasks()
        let input = try Trial(pattern: Self.full, padding: Self.paddings["left"]).input
        func mask(_ pattern: AttentionPattern) throws -> Tensor {
            try #require(
                try masks.mask(pattern, input: input, queries: 7, keys: 7, dtype: .float32, device: .cpu).additive)
        }
        #expect(try mask(Self.full).isSame(as: mask(Self.full)))
        #expect(try !mask(Self.full).isEqual(to: mask(Self.causal)))
    }

    @Test func aMaskThatChangesNothingIsNone() throws {
        func mask(_ pattern: AttentionPattern, _ padding: String?) throws -> AttentionMasks.Mask {
            var masks = AttentionMasks()
            let input = try Trial(pattern: pattern, padding: padding.flatMap { Self.paddings[$0] }).input
            return try masks.mask(pattern, input: input, queries: 7, keys: 7, dtype: .float32, device: .cpu)
        }
        for padding in [nil, "none"] {
            let full = try mask(Self.full, padding)
            #expect(full.additive == nil && !full.isCausal)
        }
        // Padding at the right comes after every token, so the causal order hides it.
        for padding in [nil, "none", "right"] {
            let causal = try mask(Self.causal, padding)
            #expect(causal.additive == nil && causal.isCausal)
        }
        #expect(try mask(Self.causal, "left").additive != nil)
        #expect(try mask(Self.full, "right").additive != nil)
    }

    @Test func aMaskOfAnotherLengthIsAnError() throws {
        for shape in [[3, 1], [3, 8], [7]] {
            var masks = AttentionMasks()
            let input = ModelInput(attentionMask: try .ones(shape, dtype: .int64))
            #expect(throws: NetworkError.self) {
                try masks.mask(Self.full, input: input, queries: 7, keys: 7, dtype: .float32, device: .cpu)
            }
        }
    }

    @Test func dropoutOfProbabilitiesIsAFunctionOfTheKeyAndThePlace() throws {
        let trial = Trial(pattern: Self.full, dropout: 0.5)
        func result(_ isTraining: Bool, _ seed: Int) throws -> Tensor {
            try trial.run(ForwardContext(isTraining: isTraining, key: RandomKey(seed: seed))).result
        }
        #expect(try result(true, 1).isEqual(to: result(true, 1)))
        #expect(try !result(true, 1).isEqual(to: result(true, 2)))
        #expect(try result(false, 1).isEqual(to: result(false, 2)))
    }

    @Test func sharedKeyHeadsServeTheirGroups() throws {
        let context = ForwardContext()
        let q = try Tensor.normal([2, 4, 5, 3], key: RandomKey(seed: 1))
        let k = try Tensor.normal([2, 2, 5, 3], key: RandomKey(seed: 2))
        let v = try Tensor.normal([2, 2, 5, 3], key: RandomKey(seed: 3))
        let settings = AttentionSettings(scale: 1, pattern: Self.causal)
        let grouped = try context.attention(q, k, v, settings, input: ModelInput(), at: "a")
        func spread(_ x: Tensor) throws -> Tensor { try x.indexSelect(1, Tensor([0 as Int64, 0, 1, 1])) }
        let single = try context.attention(q, spread(k), spread(v), settings, input: ModelInput(), at: "a")
        #expect(try (grouped - single).abs().amax().item() < 1e-6)
    }
}
