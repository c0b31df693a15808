import Networks
import Torch

/// The small network that makes P-tuning's rows out of trained tokens t [P, size]: linear layers with ReLU between, of
/// the tokens themselves or of what a bidirectional LSTM makes of them.
///
/// An LSTM's cell, with gates in torch's order i, f, g, o and the weights' rows one gate after the other:
///
///     c ← σ(f) c + σ(i) tanh(g)        h ← σ(o) tanh(c)        [i f g o] = W x + b + U h + b′
///
/// Tensors have the names of peft's `PromptEncoder` below `prompt_encoder`.
struct PromptEncoder {
    /// Sizes of the network.
    struct Sizes {
        /// Rows.
        var count: Int
        /// Channels of a token and of a row.
        var size: Int
        /// Channels between; of each direction of an LSTM.
        var hidden: Int
    }

    private struct Linear {
        let weight: Variable
        let bias: Variable

        func callAsFunction(_ x: Tensor) throws -> Tensor { try x.linear(weight.value, bias.value) }
    }

    /// One direction of a layer of the LSTM.
    private struct Direction {
        let input: Linear
        let recurrent: Linear
        let isReversed: Bool

        /// What the cell gives for each row of x [P, in], [P, hidden].
        func callAsFunction(_ x: Tensor) throws -> Tensor {
            let hidden = try recurrent.weight.value.size(1)
            let gates = try input(x)
            var (h, c) = (try gates.narrow(1, 0, hidden).narrow(0, 0, 1).detach().zerosLike(), nil as Tensor?)
            let count = try x.size(0)
            var outputs = [Tensor?](repeating: nil, count: count)
            for step in 0..<count {
                let row = isReversed ? count - 1 - step : step
                let sum = try gates.narrow(0, row, 1) + recurrent(h)
                let parts = try (0..<4).map { try sum.narrow(1, $0 * hidden, hidden) }
                let new = try parts[0].sigmoid() * parts[2].tanh()
                let cell = try c.map { try $0 * parts[1].sigmoid() + new } ?? new
                h = try parts[3].sigmoid() * cell.tanh()
                c = cell
                outputs[row] = h
            }
            return try .cat(outputs.compactMap { $0 }, dim: 0)
        }
    }

    private let tokens: Variable
    private let recurrent: [[Direction]]
    private let head: [Linear]

    /// Every tensor, tokens first.
    let variables: [Variable]

    /// - Parameter layers: of the LSTM; nil for linear layers alone.
    init(_ sizes: Sizes, layers: Int?, key: RandomKey) throws {
        var made: [Variable] = []
        func variable(_ name: String, _ shape: [Int], bound: Double) throws -> Variable {
            let name = "prompt_encoder.\(name)"
            let variable = try Variable(name, Tensor.uniform(shape, -bound, bound, key: key.derived(name)))
            made.append(variable)
            return variable
        }
        func linear(_ place: Int, _ input: Int, _ output: Int) throws -> Linear {
            let bound = 1 / Double(input).squareRoot()
            return Linear(
                weight: try variable("mlp_head.\(place).weight", [output, input], bound: bound),
                bias: try variable("mlp_head.\(place).bias", [output], bound: bound))
        }
        func cell(_ layer: Int, isReversed: Bool, input: Int) throws -> Direction {
            let bound = 1 / Double(sizes.hidden).squareRoot()
            func part(_ kind: String, _ input: Int) throws -> Linear {
                let ending = "\(kind)_l\(layer)" + (isReversed ? "_reverse" : "")
                return Linear(
                    weight: try variable("lstm_head.weight_\(ending)", [4 * sizes.hidden, input], bound: bound),
                    bias: try variable("lstm_head.bias_\(ending)", [4 * sizes.hidden], bound: bound))
            }
            return Direction(
                input: try part("ih", input), recurrent: try part("hh", sizes.hidden), isReversed: isReversed)
        }
        tokens = try Variable(
            "prompt_encoder.embedding.weight",
            Tensor.normal([sizes.count, sizes.size], key: key.derived("prompt_encoder.embedding")))
        made.append(tokens)
        if let layers {
            let both = 2 * sizes.hidden
            recurrent = try (0..<layers).map { layer in
                try [false, true].map {
                    try cell(layer, isReversed: $0, input: layer == 0 ? sizes.size : both)
                }
            }
            head = [try linear(0, both, both), try linear(2, both, sizes.size)]
        } else {
            recurrent = []
            head = [
                try linear(0, sizes.size, sizes.hidden), try linear(2, sizes.hidden, sizes.hidden),
                try linear(4, sizes.hidden, sizes.size),
            ]
        }
        variables = made
    }

    /// The rows, [P, size].
    func rows() throws -> Tensor {
        let x = try recurrent.reduce(tokens.value) { x, directions in
            try .cat(directions.map { try $0(x) }, dim: 1)
        }
        return try head.dropFirst().reduce(head[0](x)) { try $1($0.relu()) }
    }
}
