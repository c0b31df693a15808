import Backbones
import Foundation
import JSON
import Tokenizers

/// The tokens that end a text.
public enum EndTokens {
    /// What a checkpoint's files name: `generation_config.json` where it has `eos_token_id`, else `config.json`, and the
    /// tokenizer's own end token.
    public static func ids(folder: URL, config: ModelConfig, tokenizer: Tokenizer) throws -> Set<Int> {
        var ids: Set<Int> = []
        let file = folder.appendingPathComponent("generation_config.json")
        if FileManager.default.fileExists(atPath: file.path) {
            ids.formUnion(try named(in: JSON.Node(contentsOf: file, maximumBytes: 16 << 20)))
        }
        if ids.isEmpty { ids.formUnion(try named(in: JSON.Node(config.json, source: "config.json"))) }
        if let end = tokenizer.specialTokens.eos { ids.insert(end.id) }
        return ids
    }

    /// `eos_token_id`: one id, several, or none.
    private static func named(in node: JSON.Node) throws -> [Int] {
        guard let value = try node.optional("eos_token_id") else { return [] }
        if case .array = value.value { return try value.ints() }
        return [try value.int()]
    }
}
