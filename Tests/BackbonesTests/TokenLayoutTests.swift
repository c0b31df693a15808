import JSON
import Networks
import Testing
import Torch

@testable import Backbones

/// Leaving out padding, and in the last block what nothing reads, changes nothing that is read and no gradient.
@Suite("Positions that are computed")
struct TokenLayoutTests {
    /// 1 for tokens: rows of several lengths, padded on one side or the other.
    private static let masks: [[Int64]] = [
        [1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
        [0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 1, 1],
    ]
    private static let (rows, length) = (3, 7)

    private static func tokens(_ mask: [Int64]) -> [Int64] { mask.indices.filter { mask[$0] == 1 }.map(Int64.init) }

    private static func input(_ mask: [Int64]) throws -> ModelInput {
        ModelInput(
            inputIDs: try TinyDecoder.ids(rows: rows, length: length),
            attentionMask: try Tensor(mask, shape: [rows, length]))
    }

    /// The states at some places, and the gradients of all weights for the sum of their squares.
    /// - Parameter states: makes the states of those places, [count, size].
    private func results(_ config: JSON, _ head: Head?, _ states: (Model) throws -> Tensor) throws
        -> (states: Tensor, gradients: [String: Tensor])
    {
        let model = try Tiny.model(config, head: head)
        var leaves: [String: Tensor] = [:]
        for (name, parameter) in model.parameters {
            let leaf = try parameter.base.clone().setRequiresGrad(true)
            try parameter.replace(with: leaf)
            leaves[name] = leaf
        }
        let states = try states(model)
        try (states * states).sum().backward()
        return (try states.detach(), try leaves.compactMapValues { try $0.grad })
    }

    private func expectSame(
        _ a: (states: Tensor, gradients: [String: Tensor]), _ b: (states: Tensor, gradients: [String: Tensor])
    ) throws {
        #expect(try a.states.distance(to: b.states) < 1e-4)
        #expect(!a.gradients.isEmpty && a.gradients.keys.sorted() == b.gradients.keys.sorted())
        for (name, gradient) in a.gradients {
            let other = try #require(b.gradients[name])
            let scale = try max(1, gradient.abs().amax().item())
            #expect(try gradient.distance(to: other) < 1e-4 * scale, "\(name)")
        }
    }

    @Test("what tokens give is the same without padding", arguments: TinyDecoder.all + Tiny.encoders, masks)
    func padding(_ config: JSON, _ mask: [Int64]) throws {
        func run(leavesOut: Bool) throws -> (Tensor, [String: Tensor]) {
            try results(config, .features) { model in
                var input = try Self.input(mask)
                if leavesOut { input.tokenPlaces = Self.tokens(mask) }
                return try model(input).lastHiddenState.reshape([Self.rows * Self.length, -1])
                    .indexSelect(0, Tensor(Self.tokens(mask)))
            }
        }
        try expectSame(run(leavesOut: true), run(leavesOut: false))
    }

    @Test("wanted places alone give what they give among all", arguments: TinyDecoder.all, [true, false])
    func wanted(_ config: JSON, leavesOut: Bool) throws {
        let (mask, places) = (Self.masks[0], [1, 2, 5, 11, 20] as [Int64])
        func run(asks: Bool) throws -> (Tensor, [String: Tensor]) {
            try results(config, .causalLM) { model in
                var input = try Self.input(mask)
                if leavesOut { input.tokenPlaces = Self.tokens(mask) }
                if asks { input.wantedPlaces = places }
                let states = try TinyDecoder.language(model).hiddenStates(input, ForwardContext())
                #expect(try states.shape[..<2] == (asks ? [1, places.count] : [Self.rows, Self.length]))
                return try asks
                    ? states.squeeze(0)
                    : states.reshape([Self.rows * Self.length, -1]).indexSelect(0, Tensor(places))
            }
        }
        try expectSame(run(asks: true), run(asks: false))
    }

    @Test("the place before a row's first token may be asked for")
    func paddingThatIsWanted() throws {
        let (mask, model) = (Self.masks[1], try Tiny.model(TinyDecoder.llama, head: .causalLM))
        var input = try Self.input(mask)
        input.tokenPlaces = Self.tokens(mask)
        let network = try TinyDecoder.language(model)
        let all = try network.hiddenStates(Self.input(mask), ForwardContext()).reshape([Self.rows * Self.length, -1])
        input.wantedPlaces = [0, 1, 18]
        let states = try network.hiddenStates(input, ForwardContext()).squeeze(0)
        #expect(try states.distance(to: all.indexSelect(0, Tensor([0, 1, 18] as [Int64]))) < 1e-5)
    }

    @Test("packed rows are filled up without computing the rest", arguments: TinyDecoder.all)
    func packing(_ config: JSON) throws {
        func run(leavesOut: Bool) throws -> (Tensor, [String: Tensor]) {
            try results(config, .features) { model in
                let mask: [Int64] = [1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 0]
                var input = ModelInput(
                    inputIDs: try TinyDecoder.ids(rows: 2, length: 7), attentionMask: try Tensor(mask, shape: [2, 7]),
                    positionIDs: try Tensor([0, 1, 2, 0, 1, 2, 0, 0, 1, 2, 0, 0, 0, 0] as [Int64], shape: [2, 7]),
                    segmentIDs: try Tensor([0, 0, 0, 1, 1, 1, -1, 0, 0, 0, -1, -1, -1, -1] as [Int64], shape: [2, 7]))
                if leavesOut { input.tokenPlaces = Self.tokens(mask) }
                return try model(input).lastHiddenState.reshape([14, -1]).indexSelect(0, Tensor(Self.tokens(mask)))
            }
        }
        try expectSame(run(leavesOut: true), run(leavesOut: false))
    }

    @Test("layers see tokens alone, and the last one's end what is wanted alone")
    func layersSeeTokensAlone() throws {
        let model = try Tiny.model(TinyDecoder.llama)
        let watched = ["0.self_attn.q_proj", "1.self_attn.k_proj", "1.self_attn.q_proj", "1.mlp.down_proj"]
        let counters = watched.map { Counter("model.layers.\($0)") }
        try model.add(
            GraftSet(projections: .init(uniqueKeysWithValues: counters.map { ($0.path, $0) })), named: "counters")
        try model.activate(["counters"])
        var input = try Self.input(Self.masks[0])
        input.wantedPlaces = [1, 2, 5]
        let network = try TinyDecoder.language(model)
        _ = try network.hiddenStates(input, ForwardContext())
        #expect(counters.map(\.count) == [21, 21, 3, 3])
        input.tokenPlaces = Self.tokens(Self.masks[0])
        _ = try network.hiddenStates(input, ForwardContext())
        #expect(counters.map(\.count) == [18, 18, 3, 3])
        // An observer looks at whole rows.
        let context = ForwardContext()
        context.observer = { _, _ in }
        let states = try network.hiddenStates(input, context)
        #expect(counters.map(\.count) == [21, 21, 21, 21])
        #expect(try states.shape == [1, 3, 24])
    }
}

/// Counts the positions that a projection is given.
private final class Counter: ProjectionGraft {
    let path: String
    var count = 0
    var variables: [Variable] { [] }

    init(_ path: String) {
        self.path = path
    }

    func input(_ x: Tensor, at site: Projection, _ context: ForwardContext) throws -> Tensor {
        count = try x.shape.dropLast().reduce(1, *)
        return x
    }

    func merged(weight: Tensor, bias: Tensor?, at site: Projection) throws -> (weight: Tensor, bias: Tensor?) {
        (weight, bias)
    }
}

extension Tiny {
    /// The texts' encoders, and an encoder with its decoder.
    fileprivate static let encoders = [
        bert.with(["vocab_size": 50]), roberta.with(["vocab_size": 50]),
        [
            "model_type": "bart", "architectures": ["BartModel"], "vocab_size": 50, "d_model": 16, "encoder_layers": 2,
            "decoder_layers": 2, "encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 24,
            "decoder_ffn_dim": 24, "max_position_embeddings": 64, "pad_token_id": 1, "is_encoder_decoder": true,
        ],
    ]
}
