import Networks
import Torch

/// The side network of `UniPT`.
final class UniPTNetwork: SideNetwork {
    /// Its sizes.
    struct Shape {
        /// The body's path, which the names of the tensors start with.
        var path: String
        /// Channels of a hidden state.
        var hidden: Int
        /// Channels of a mapped state, m.
        var width: Int
        /// Channels that come out.
        var output: Int
    }

    private let method: UniPT
    /// Indices of the guided states.
    private let guided: [Int]
    let down: [Layer]
    /// Maps the anchor: the last state, or the pooled output.
    let anchorDown: Layer
    let mixing: [Layer]
    let up: Layer
    let gate: Layer

    /// A linear map, perhaps with a layer norm behind it.
    struct Layer {
        let weight: Variable
        let bias: Variable
        let norm: (weight: Variable, bias: Variable)?

        init(_ name: String, from input: Int, to output: Int, isNormalized: Bool = false, key: RandomKey) throws {
            let bound = 1 / Double(input).squareRoot()
            let key = key.derived(name)
            weight = try Variable(
                "\(name).weight", .uniform([output, input], -bound, bound, key: key.derived("weight")))
            bias = try Variable("\(name).bias", .uniform([output], -bound, bound, key: key.derived("bias")))
            norm =
                try isNormalized
                ? (Variable("\(name).norm.weight", .ones([output])), Variable("\(name).norm.bias", .zeros([output])))
                : nil
        }

        var variables: [Variable] { [weight, bias] + (norm.map { [$0.weight, $0.bias] } ?? []) }

        func callAsFunction(_ x: Tensor) throws -> Tensor {
            let y = try x.to(weight.value.dtype).linear(weight.value, bias.value)
            guard let norm else { return y }
            return try y.layerNorm([y.size(-1)], weight: norm.weight.value, bias: norm.bias.value, eps: 1e-5)
        }
    }

    init(_ method: UniPT, _ shape: Shape, guided: [Int], key: RandomKey) throws {
        self.method = method
        self.guided = guided
        let (d, m) = (shape.hidden, shape.width)
        let isLast = method.variant == .anchorLast
        let normalizes = method.downNorm ?? isLast
        func layer(_ name: String, _ input: Int, _ output: Int, isNormalized: Bool = false) throws -> Layer {
            try Layer(
                UniPTNetwork.name(name, at: shape.path), from: input, to: output, isNormalized: isNormalized, key: key)
        }
        down = try guided.map { try layer("down.\($0)", d, m, isNormalized: normalizes) }
        anchorDown =
            isLast
            ? try layer("anchor_down", d, m, isNormalized: normalizes) : try layer("anchor_down", shape.output, m)
        switch (method.variant, method.projection) {
        case (.anchorEmbedding, _): mixing = []
        case (.anchorLast, .linear): mixing = [try layer("proj", m, m, isNormalized: true)]
        case (.anchorLast, .mlp):
            mixing = [try layer("proj.0", m, d), try layer("proj.1", d, m, isNormalized: true)]
        }
        up = try layer("up", m, shape.output)
        gate = try layer("gate", m, 1)
    }

    /// The name of a tensor; a body may be the whole network, whose path is empty.
    static func name(_ name: String, at path: String) -> String {
        path.isEmpty ? "unipt.\(name)" : "\(path).unipt.\(name)"
    }

    var variables: [Variable] { (down + [anchorDown] + mixing + [up, gate]).flatMap(\.variables) }

    /// Nothing flows into the backbone.
    var detachesBody: Bool { true }

    func output(taps: [Tensor], last: Tensor, _ input: ModelInput, at body: Body, _ context: ForwardContext) throws
        -> Tensor
    {
        guard input.segmentIDs == nil else {
            throw NetworkError.input("unipt compares all tokens of a row: packed rows cannot be used with it")
        }
        guard let first = context.bodyInput else {
            throw NetworkError.input("unipt needs what went into the first block of \(body.path)")
        }
        let mask = try tokenMask(input, last)
        // What the body gives stands for its last block, with the norm that follows it.
        let states = [first] + taps.dropLast() + [last]
        switch method.variant {
        case .anchorLast:
            return try mixed(states, mask: mask).output.to(last.dtype)
        case .anchorEmbedding:
            let pooled = try last.narrow(1, 0, 1)
            let position = try Tensor.zeros([last.size(0)], dtype: .int64, device: last.device)
            let y = try mixed(states, mask: mask, embedding: pooled, position: position).output.to(last.dtype)
            let length = try last.size(1)
            return length > 1 ? try Tensor.cat([y, last.narrow(1, 1, length - 1)], dim: 1) : y
        }
    }

    /// 1 for tokens and 0 for padding, in the type of the side network.
    private func tokenMask(_ input: ModelInput, _ x: Tensor) throws -> Tensor {
        let dtype = try gate.weight.value.dtype
        guard let mask = input.attentionMask else {
            return try .ones([x.size(0), x.size(1)], dtype: dtype, device: x.device)
        }
        guard try mask.rank == 2 else { throw NetworkError.input("unipt needs an attention_mask of [rows, length]") }
        return try mask.to(dtype)
    }
}

// MARK: Forward

extension UniPTNetwork {
    /// The output with the confidence in each guided state [rows, guided].
    /// - Parameters:
    ///   - states: all hidden states [rows, length, hidden], the embeddings first.
    ///   - mask: [rows, length], 1 for tokens.
    ///   - embedding: the pooled output [rows, 1, size], where it is the anchor.
    ///   - position: the token [rows] that it comes from.
    func mixed(
        _ states: [Tensor], mask: Tensor, embedding: Tensor? = nil, position: Tensor? = nil
    ) throws -> (output: Tensor, confidence: Tensor) {
        guard let last = states.last, states.count > (guided.max() ?? 0) else {
            throw NetworkError.input("unipt was made for more hidden states than the \(states.count) that it got")
        }
        let anchor = try anchorDown(embedding.map { try $0.relu() } ?? last)
        let mapped = try zip(guided, down).map { index, map in
            try map(embedding == nil ? states[index] : states[index].relu())
        }
        let pooledAnchor = try embedding == nil ? pooled(anchor, mask) : anchor.squeeze(1)
        let scores = try mapped.map { try gate(pooledAnchor * pooled($0, mask)) }
        let confidence = try Tensor.cat(scores, dim: 1).softmax(1)
        var mixture: Tensor?
        for (index, state) in mapped.enumerated() {
            let weight = try confidence.narrow(1, index, 1).unsqueeze(2)
            let part = try weight * interaction(anchor, state, mask, position)
            mixture = try mixture.map { try $0 + part } ?? part
        }
        guard let mixture else { throw NetworkError.input("unipt has no guided states") }
        return (try output(mixture, anchor, embedding), confidence)
    }

    private func output(_ mixture: Tensor, _ anchor: Tensor, _ embedding: Tensor?) throws -> Tensor {
        if let embedding { return try embedding + up(mixture.relu()) }
        if method.projection == .mlp { return try up(anchor + mixing[1](mixing[0](mixture).relu())) }
        return try up((anchor + mixing[0](mixture)).relu())
    }

    /// What a guided state gives each token of the anchor.
    private func interaction(_ anchor: Tensor, _ state: Tensor, _ mask: Tensor, _ position: Tensor?) throws -> Tensor {
        let similarity = try (anchor.matmul(state.transpose(1, 2)) * mask.unsqueeze(1)).relu()
        let total = try similarity.sum([2], keepDim: true)
        let isLast = method.variant == .anchorLast
        let eps = method.l1Eps ?? (isLast ? 1e-8 : 1e-6)
        let norm: Tensor
        switch method.l1EpsMode ?? (isLast ? .add : .clamp) {
        case .add: norm = try total + eps
        case .clamp: norm = try total.clamp(eps, .infinity)
        }
        var result = try (similarity / norm).matmul(state)
        // The identity beside S, and the token of the pooled position.
        if method.identityResidual ?? isLast, position == nil { result = try result + state }
        if let position {
            let index = try position.reshape([-1, 1, 1]).expand([-1, 1, state.size(2)])
            result = try result + state.gather(1, index)
        }
        return result
    }

    /// The mean over the tokens that are no padding.
    private func pooled(_ state: Tensor, _ mask: Tensor) throws -> Tensor {
        let sum = try (state * mask.unsqueeze(2)).sum([1])
        // A row without tokens would be divided by zero.
        return try sum / mask.sum([1], keepDim: true).clamp(1, .infinity)
    }
}
