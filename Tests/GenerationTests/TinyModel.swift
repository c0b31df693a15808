import Backbones
import Foundation
import JSON
import Networks
import Tokenizers

@testable import Generation

/// A Llama of two layers with random weights whose tokens are the 256 bytes, a start and an end token.
enum TinyModel {
    static let start = 256
    static let end = 257

    static func model(seed: Int = 7, positions: Int = 64) throws -> Model {
        let config: JSON = [
            "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 258, "hidden_size": 32,
            "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
            "max_position_embeddings": .int(Int64(positions)), "tie_word_embeddings": false,
        ]
        return try Backbones.random(ModelConfig(config), head: nil, options: .init(seed: seed)).model
    }

    static func generator(positions: Int = 64, endTokens: Set<Int> = []) throws -> TextGenerator {
        try TextGenerator(try model(positions: positions), tokenizer: try tokenizer(), endTokens: endTokens)
    }

    static func tokenizer() throws -> Tokenizer {
        var vocabulary = JSON.Object()
        for (id, character) in byteAlphabet.enumerated() { vocabulary[character] = .int(Int64(id)) }
        let added: [JSON] = [("<s>", start), ("</s>", end)].map { text, id in
            [
                "id": .int(Int64(id)), "content": .string(text), "special": true, "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false,
            ]
        }
        let byteLevel: JSON = [
            "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false,
        ]
        let file: JSON = [
            "version": "1.0", "truncation": nil, "padding": nil, "added_tokens": .array(added), "normalizer": nil,
            "pre_tokenizer": byteLevel, "post_processor": nil, "decoder": byteLevel,
            "model": [
                "type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": nil,
                "end_of_word_suffix": nil, "fuse_unk": false, "byte_fallback": false,
                "vocab": .object(vocabulary), "merges": [],
            ],
        ]
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("graft-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data(file.serializedBytes()).write(to: folder.appendingPathComponent("tokenizer.json"))
        let names: JSON = ["bos_token": "<s>", "eos_token": "</s>"]
        try Data(names.serializedBytes()).write(to: folder.appendingPathComponent("tokenizer_config.json"))
        return try Tokenizer(contentsOf: folder)
    }

    /// GPT-2's printable stand-ins of the bytes: themselves where printable, else the next of U+0100 on.
    private static var byteAlphabet: [String] {
        var next: UInt32 = 0x100
        return (0..<256).map { byte in
            let isPrintable = (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || byte >= 0xAE
            if isPrintable { return String(UnicodeScalar(UInt8(byte))) }
            defer { next += 1 }
            return UnicodeScalar(next).map { String(Character($0)) } ?? ""
        }
    }
}
