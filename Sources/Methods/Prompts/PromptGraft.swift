import JSON
import Networks
import Torch

/// Trained rows before the embedded tokens, [count, size]. What makes the rows may be a small network of its own.
final class PromptGraft: TokenGraft {
    /// The tensors that the rows are made from.
    let variables: [Variable]
    private let rows: () throws -> Tensor

    /// - Parameter rows: makes the rows from the variables, [count, size].
    init(_ variables: [Variable], rows: @escaping () throws -> Tensor) {
        self.variables = variables
        self.rows = rows
    }

    /// The rows as they are now.
    func prompt() throws -> Tensor { try rows() }

    func embedded(_ x: Tensor, _ input: inout ModelInput, at body: Body, _ context: ForwardContext) throws -> Tensor {
        try inserting(rows(), before: x, &input, context)
    }
}

extension Model {
    /// The body whose token sequence prompts join: of an encoder-decoder the encoder, as in peft.
    /// - Throws: `MethodError.option` where the network has none that reads tokens.
    func promptBody(_ method: String) throws -> (body: Body, words: Projection) {
        guard let body = bodies.values.first else {
            throw MethodError.option("\(method) needs a network with a body, and this one has none")
        }
        for projection in projections.values {
            if case .embedding(_, let size) = projection.kind, size == body.size { return (body, projection) }
        }
        throw MethodError.option("\(method) puts rows before embedded tokens, and this network embeds none")
    }
}

extension PeftFormat {
    /// The files of methods whose whole adapter is a table of rows.
    static func promptLearning(_ type: String, ignoring keys: Set<String> = []) -> PeftFormat {
        PeftFormat(
            types: [type], endings: [], shared: ["prompt_embeddings": "prompt_embeddings"], prefix: "base_model.",
            ignoredKeys: Set(["num_attention_heads", "num_layers", "num_transformer_submodules", "token_dim"])
                .union(keys))
    }
}

extension PeftMethod {
    /// What all of peft's prompt configurations name: rows, sizes of the network, and the modules saved beside the rows.
    func promptOptions(_ place: PeftPlace, rows: Int, size: Int) -> JSON.Object {
        let heads = place.model.attentions.values.first?.heads ?? 1
        let layers = place.model.bodies.values.first?.blocks.count ?? 0
        return [
            "num_attention_heads": .int(Int64(heads)), "num_layers": .int(Int64(layers)),
            "num_transformer_submodules": 1, "token_dim": .int(Int64(size)), "num_virtual_tokens": .int(Int64(rows)),
            "modules_to_save": modulesToSave.isEmpty ? .null : .array(modulesToSave.map(JSON.string)),
        ]
    }
}
