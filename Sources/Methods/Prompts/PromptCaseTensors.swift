import Golden
import Torch

/// The given tensors of a case of prompts, by what they are of. A name says it by a word in it: `param.prefix.fc1.weight`,
/// `param.mlp.tokens`, `param.lstm.weight_ih_l0`.
struct PromptCaseTensors {
    /// What makes rows.
    enum Maker: CaseIterable { case prefix, mlp, lstm }

    /// A tensor with its full name.
    typealias Named = (name: String, tensor: Tensor)

    private var own: [Maker: [Named]] = [:]
    /// Tensors that name no maker: tokens that several share.
    private var shared: [Named] = []

    init(_ golden: GoldenCase) throws {
        for name in golden.names(beginningWith: "param.") {
            let tensor = try golden.tensor("param.\(name)")
            let words: [(String, Maker)] = [
                ("prefix", .prefix), ("past", .prefix), ("lstm", .lstm), ("mlp", .mlp), ("table", .prefix),
            ]
            if let maker = words.first(where: { name.contains($0.0) })?.1 {
                own[maker, default: []].append(("param.\(name)", tensor))
            } else {
                shared.append(("param.\(name)", tensor))
            }
        }
    }

    /// Whether the case has anything of a maker.
    func has(_ maker: Maker) -> Bool { own[maker] != nil }

    /// The tokens, or the table of a prefix.
    func tokens(_ maker: Maker) throws -> Named {
        let candidates = (own[maker] ?? []) + shared
        let found = try candidates.first { try PromptCaseTensors.isTokens($0.name) && $0.tensor.rank == 2 }
        guard let found else { throw GoldenError.unread("it has no tokens for the \(maker) part") }
        return found
    }

    /// Weights and biases of the linear layers, in the order of the numbers in their names.
    func linears(_ maker: Maker) throws -> [(weight: Named, bias: Named)] {
        let rest = (own[maker] ?? []).filter {
            !PromptCaseTensors.isTokens($0.name) && !PromptCaseTensors.isCell($0.name)
        }
        let weights = try rest.filter { try $0.tensor.rank == 2 }
        let biases = try rest.filter { try $0.tensor.rank == 1 }
        guard weights.count == biases.count else {
            throw GoldenError.unread("the \(maker) part has \(weights.count) weights and \(biases.count) biases")
        }
        return Array(zip(weights, biases)).map { (weight: $0, bias: $1) }
    }

    /// Tensors of the LSTM's cells in the order of `PromptEncoder.variables`: layer by layer, forwards before backwards,
    /// weight and bias of the input before those of the recurrence.
    func cells() throws -> [[Named]] {
        let cells = (own[.lstm] ?? []).filter { PromptCaseTensors.isCell($0.name) }
        func order(_ named: Named) throws -> Int {
            let isReversed = ["reverse", "backward", "bwd"].contains(where: named.name.contains)
            let isRecurrent = named.name.contains("hh")
            return (isReversed ? 4 : 0) + (isRecurrent ? 2 : 0) + (try named.tensor.rank == 1 ? 1 : 0)
        }
        let byLayer = Dictionary(grouping: cells) { PromptCaseTensors.layer($0.name) ?? 0 }
        return try byLayer.sorted { $0.key < $1.key }.map { layer in
            let sorted = try layer.value.map { (try order($0), $0) }.sorted { $0.0 < $1.0 }
            guard sorted.map(\.0) == Array(0..<8) else {
                throw GoldenError.unread("layer \(layer.key) of its LSTM does not have eight tensors")
            }
            return sorted.map(\.1)
        }
    }

    private static func isTokens(_ name: String) -> Bool {
        ["token", "embedding", "wte", "table", "prompt_embed"].contains(where: name.contains)
    }

    private static func isCell(_ name: String) -> Bool { name.contains("ih") || name.contains("hh") }

    /// The number behind the last `l` of a name, or its last number.
    static func layer(_ name: String) -> Int? {
        let numbers = name.split { !$0.isASCII || !$0.isNumber }
        return numbers.last.flatMap { Int($0) }
    }
}
