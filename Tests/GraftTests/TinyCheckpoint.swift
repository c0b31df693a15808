import Foundation
import Graft
import JSON

/// A checkpoint of a few thousand random weights with its tokenizer, and rows that it can learn, in a temporary folder
/// that goes when the value does.
final class TinyCheckpoint {
    /// Everything is below this folder.
    let root: URL
    /// The checkpoint: `config.json`, `model.safetensors`, `tokenizer.json`, `tokenizer_config.json`.
    var model: URL { root.appendingPathComponent("model") }

    /// A BERT with the pooler of its pre-training and without a head.
    static func bert(dropout: Double = 0.1) throws -> TinyCheckpoint {
        try TinyCheckpoint(
            [
                "model_type": "bert", "architectures": ["BertModel"], "vocab_size": .int(Int64(Words.vocabulary.count)),
                "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24,
                "max_position_embeddings": 32, "pad_token_id": 0, "hidden_dropout_prob": .double(dropout),
                "attention_probs_dropout_prob": .double(dropout),
            ], head: .sequenceClassification(labels: 2))
    }

    /// A Llama with its head.
    static func llama() throws -> TinyCheckpoint {
        try TinyCheckpoint(
            [
                "model_type": "llama", "architectures": ["LlamaForCausalLM"],
                "vocab_size": .int(Int64(Words.vocabulary.count)), "hidden_size": 16, "num_hidden_layers": 2,
                "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 24,
                "max_position_embeddings": 64, "tie_word_embeddings": false, "eos_token_id": 3,
            ], head: .causalLM)
    }

    /// A BART with its head.
    static func bart(size: Int = 16, dropout: Double = 0.1) throws -> TinyCheckpoint {
        try TinyCheckpoint(
            [
                "model_type": "bart", "architectures": ["BartForConditionalGeneration"],
                "vocab_size": .int(Int64(Words.vocabulary.count)), "d_model": .int(Int64(size)), "encoder_layers": 2,
                "decoder_layers": 2, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
                "encoder_ffn_dim": .int(Int64(2 * size)), "decoder_ffn_dim": .int(Int64(2 * size)),
                "max_position_embeddings": 32, "pad_token_id": 0,
                "bos_token_id": 2, "eos_token_id": 3, "decoder_start_token_id": 3, "dropout": .double(dropout),
                "is_encoder_decoder": true,
            ], head: .conditionalGeneration)
    }

    private init(_ config: JSON, head: Head) throws {
        root = FileManager.default.temporaryDirectory.appendingPathComponent("graft-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: model, withIntermediateDirectories: true)
        let network = try Backbones.random(ModelConfig(config), head: head, options: .init(seed: 7)).model
        let body = network.parameters.values.filter { !$0.name.hasPrefix("classifier.") }
        let tensors = try body.map { parameter in
            // Matrices as large as trained ones: with smaller ones no row would look different from another.
            (name: parameter.name, tensor: try parameter.base.rank == 2 ? parameter.base * 12 : parameter.base)
        }
        try SafetensorsWriter.write(
            tensors, metadata: ["format": "pt"], to: model.appendingPathComponent("model.safetensors"))
        try write(config.serialized(.pretty), to: "model/config.json")
        try write(Words.tokenizer.serialized(), to: "model/tokenizer.json")
        let roles: JSON = ["pad_token": "[PAD]", "eos_token": "[SEP]", "unk_token": "[UNK]"]
        try write(roles.serialized(), to: "model/tokenizer_config.json")
    }

    deinit { try? FileManager.default.removeItem(at: root) }

    /// A path below the temporary folder.
    func path(_ name: String) -> String { root.appendingPathComponent(name).path }

    /// Writes a text file below the temporary folder.
    @discardableResult
    func write(_ text: String, to name: String) throws -> String {
        try Data(text.utf8).write(to: root.appendingPathComponent(name))
        return path(name)
    }

    /// Writes rows of two or more words, each a fruit or each a metal, labelled as such.
    /// - Parameter offset: other offsets give other rows.
    func classificationRows(_ count: Int = 40, offset: Int = 0, to name: String = "rows.jsonl") throws -> String {
        try write(
            (offset..<offset + count).map { index in
                let (label, words) = index % 2 == 0 ? ("fruit", Words.fruits) : ("metal", Words.metals)
                let row: JSON = ["text": .string(Words.text(words, index)), "label": .string(label)]
                return row.serialized() + "\n"
            }.joined(), to: name)
    }

    /// Writes rows of a source of fruits and a target of as many metals, in the order of the fruits.
    func targetRows(_ count: Int = 24, to name: String = "rows.jsonl") throws -> String {
        try write(
            (0..<count).map { index in
                let row: JSON = [
                    "input": .string(Words.text(Words.fruits, index)),
                    "target": .string(Words.text(Words.metals, index)),
                ]
                return row.serialized() + "\n"
            }.joined(), to: name)
    }

    /// Writes rows whose target is their source.
    func copyRows(_ count: Int, to name: String = "copies.jsonl") throws -> String {
        try write(
            (0..<count).map { index in
                let text = JSON.string(Words.text(Words.fruits, index))
                return JSON.object(["input": text, "target": text]).serialized() + "\n"
            }.joined(), to: name)
    }

    /// Writes rows of prompt and completion, each of two to seven words.
    func completionRows(_ count: Int = 24, to name: String = "rows.jsonl") throws -> String {
        try write(
            (0..<count).map { index in
                let row: JSON = [
                    "prompt": .string(Words.text(Words.fruits, index) + " "),
                    "completion": .string(Words.text(Words.metals, index * 3)),
                ]
                return row.serialized() + "\n"
            }.joined(), to: name)
    }
}

/// The few words that tiny checkpoints know.
private enum Words {
    static let fruits = ["apple", "pear", "plum", "fig", "lime", "date", "cherry"]
    static let metals = ["iron", "zinc", "tin", "lead", "gold", "silver", "copper"]
    static let vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + fruits + metals + ["##s", "##ish"]

    /// Two to seven words, another choice for every index.
    static func text(_ words: [String], _ index: Int) -> String {
        (0..<2 + index % 6).map { words[(index / 2 + $0 * (1 + index / 14)) % words.count] }.joined(separator: " ")
    }

    /// A lower-casing WordPiece tokenizer that puts a text between [CLS] and [SEP].
    static var tokenizer: JSON {
        let added: [JSON] = vocabulary.prefix(5).enumerated().map { id, text in
            [
                "id": .int(Int64(id)), "content": .string(text), "special": true, "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false,
            ]
        }
        let ids = vocabulary.enumerated().map { (key: $1, value: JSON.int(Int64($0))) }
        return [
            "version": "1.0", "truncation": nil, "padding": nil, "added_tokens": .array(added),
            "normalizer": [
                "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": nil,
                "lowercase": true,
            ],
            "pre_tokenizer": ["type": "BertPreTokenizer"],
            "post_processor": ["type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]],
            "decoder": ["type": "WordPiece", "prefix": "##", "cleanup": true],
            "model": [
                "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                "max_input_chars_per_word": 100, "vocab": .object(JSON.Object(ids)),
            ],
        ]
    }
}
