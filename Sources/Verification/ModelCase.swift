import Backbones
import Foundation
import Golden
import Networks
import Torch

/// Replays cases of whole models: a checkpoint folder, inputs, outputs, and gradients by the file's names.
enum ModelCase {
    static func run(_ golden: GoldenCase) throws -> CaseResult {
        let model: Model
        do {
            model = try Backbones.load(golden.folder.appendingPathComponent("model")).model
        } catch let error as NetworkError {
            guard case .unsupported(let text) = error else { throw error }
            return CaseResult(
                slug: golden.slug, name: golden.name, kind: golden.kind, status: .unsupported, maxError: .nan,
                detail: text)
        }
        let gradients = golden.outputs.compactMap { name in
            name.hasPrefix("grad.") ? String(name.dropFirst("grad.".count)) : nil
        }
        let leaves = try leaves(of: model, named: gradients)
        let output = try model(try ModelInput(golden))
        var comparison = Comparison(golden)
        let mask = try golden.mask()
        if let logits = output.logits { comparison.produced("out.logits", try logits.zeroed(where: mask)) }
        comparison.produced("out.last_hidden_state", try output.lastHiddenState.zeroed(where: mask))
        if !gradients.isEmpty {
            let first = golden.outputs.first == "out.last_hidden_state" ? output.lastHiddenState : output.logits
            guard let first else { return try comparison.result() }
            try (first * golden.tensor("in.cotangent")).sum().backward()
            for (name, leaf) in leaves {
                if let gradient = try leaf.grad { comparison.produced("grad." + name, gradient) }
            }
        }
        return try comparison.result()
    }

    /// Puts trainable copies in the place of the parameters whose gradients the case asks for.
    private static func leaves(of model: Model, named names: [String]) throws -> [(String, Tensor)] {
        let byFileName = Dictionary(model.parameters.values.map { ($0.fileName, $0) }, uniquingKeysWith: { a, _ in a })
        return try names.compactMap { name in
            guard let parameter = byFileName[name] else { return nil }
            let leaf = try parameter.base.clone().setRequiresGrad(true)
            try parameter.replace(with: leaf)
            return (name, leaf)
        }
    }
}

extension ModelInput {
    /// The inputs of a case, by the names that Hugging Face's models take.
    init(_ golden: GoldenCase) throws {
        self.init(
            inputIDs: try golden.optional("in.input_ids")?.to(.int64),
            attentionMask: try golden.optional("in.attention_mask")?.to(.int64),
            tokenTypeIDs: try golden.optional("in.token_type_ids")?.to(.int64),
            positionIDs: try golden.optional("in.position_ids")?.to(.int64),
            pixelValues: try golden.optional("in.pixel_values"))
        taskIDs = try golden.optional("in.task_ids")?.to(.int64)
        decoderInputIDs = try golden.optional("in.decoder_input_ids")?.to(.int64)
        decoderAttentionMask = try golden.optional("in.decoder_attention_mask")?.to(.int64)
    }
}

extension GoldenCase {
    /// The input that decides which positions count; nil when all do.
    func mask() throws -> Tensor? {
        guard let name = try config.optional("compare_mask"), !name.isNull else { return nil }
        return try tensor(try name.string())
    }

    /// The mask of outputs that begin with rows of a prompt, all of which count.
    func maskWithPrompt() throws -> Tensor? {
        guard let mask = try mask(), let count = try config.optional("prompt_positions")?.int() else {
            return try mask()
        }
        return try Tensor.cat([Tensor.ones([mask.size(0), count], dtype: mask.dtype), mask], dim: 1)
    }
}

extension Tensor {
    /// Zero where the mask [rows, length] is: those positions of [rows, length, …] do not count.
    func zeroed(where mask: Tensor?) throws -> Tensor {
        guard let mask, try rank >= 3 else { return self }
        return try self * mask.unsqueeze(2).to(dtype)
    }
}
