import JSON
import Networks
import Torch

/// Trained rows before the embedded tokens, [count, size]. What makes the rows may be a small network of its own.
final class PromptGraft: TokenGraft {
    /// The tensors that the rows are made from.
    let variables: [Variable]
    /// The table's rows, and how many times those of a text they are.
    let size: PromptSize
    private let rows: () throws -> Tensor

    /// - Parameter rows: makes the table from the variables, [size.total, channels].
    init(_ variables: [Variable], _ size: PromptSize, rows: @escaping () throws -> Tensor) {
        self.variables = variables
        self.size = size
        self.rows = rows
    }

    /// The whole table as it is now.
    func table() throws -> Tensor { try rows() }

    func embedded(_ x: Tensor, _ input: inout ModelInput, at body: Body, _ context: ForwardContext) throws -> Tensor {
        try inserting(rows().narrow(0, 0, size.count), before: x, &input, context)
    }
}

/// How many rows a prompt's table has. For an encoder-decoder that writes, peft makes room for a prompt of each half, and
/// then reads those of the encoder alone: its tables have twice the rows, of which the second half never acts.
struct PromptSize {
    /// Rows before a text.
    let count: Int
    /// Halves that the table has rows for.
    let parts: Int

    var total: Int { count * parts }

    /// What a new table has in peft; of an adapter that is read, what its file has.
    /// - Parameter table: the tensor with a row for each.
    /// - Throws: where a file has neither as many rows nor, for an encoder-decoder, twice as many.
    init(_ count: Int, of model: Model, table: String, _ start: GraftStart) throws {
        // A count that is out of all bounds is no file's.
        let isTwofold = model.network is any EncoderDecoderNetwork && count <= PromptSize.maximum
        let found = isTwofold ? try start.stored?.tensor(table)?.shape.first : nil
        self.count = count
        parts = isTwofold && found != count ? 2 : 1
        try start.requireStored(total, of: table)
    }

    /// More rows than any model has positions.
    private static let maximum = 1 << 20
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
        let graft = place.grafts.tokens.values.lazy.compactMap { $0 as? PromptGraft }.first
        let heads = place.model.attentions.values.first?.heads ?? 1
        let layers = place.model.bodies.values.first?.blocks.count ?? 0
        return [
            "num_attention_heads": .int(Int64(heads)), "num_layers": .int(Int64(layers)),
            "num_transformer_submodules": .int(Int64(graft?.size.parts ?? 1)), "token_dim": .int(Int64(size)),
            "num_virtual_tokens": .int(Int64(rows)),
            "modules_to_save": modulesToSave.isEmpty ? .null : .array(modulesToSave.map(JSON.string)),
        ]
    }
}
