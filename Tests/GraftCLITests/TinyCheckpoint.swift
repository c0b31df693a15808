import Foundation
import JSON
import Verification

/// Checkpoints with random weights, from the golden cases, with a tokenizer of a few words beside them.
enum TinyCheckpoint {
    static let words = ["red", "green", "blue", "round", "square", "a", "b", "c", "d", "e", "f", "g", "h"]

    /// Copies the checkpoint of a family into a folder.
    /// - Returns: the checkpoint's folder.
    static func make(_ family: String, in folder: URL) throws -> URL {
        let source = try Verification.bundledCases("models/\(family)/a/model")
        let target = folder.appendingPathComponent("model")
        try FileManager.default.copyItem(at: source, to: target)
        try write(tokenizer, to: target.appendingPathComponent("tokenizer.json"))
        try write(
            ["pad_token": "[PAD]", "unk_token": "[UNK]", "eos_token": "[SEP]"],
            to: target.appendingPathComponent("tokenizer_config.json"))
        return target
    }

    /// Rows whose label is their first word's, in JSON Lines.
    static func writeRows(_ count: Int, to url: URL) throws {
        let lines = (0..<count).map { index in
            let label = words[index % 3]
            let rest = (0...index % 4).map { words[3 + (index + $0 * 5) % 10] }
            let row: JSON = ["text": .string(([label] + rest).joined(separator: " ")), "label": .string(label)]
            return row.serialized()
        }
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: url)
    }

    static func write(_ value: JSON, to url: URL) throws {
        try Data(value.serializedBytes(.pretty)).write(to: url)
    }

    private static var tokenizer: JSON {
        let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
        let vocabulary = JSON.Object((special + words).enumerated().map { (key: $1, value: .int(Int64($0))) })
        let added: [JSON] = special.enumerated().map { id, text in
            [
                "id": .int(Int64(id)), "content": .string(text), "special": true, "single_word": false,
                "lstrip": false, "rstrip": false, "normalized": false,
            ]
        }
        return [
            "version": "1.0", "truncation": nil, "padding": nil, "added_tokens": .array(added), "normalizer": nil,
            "pre_tokenizer": ["type": "Whitespace"], "post_processor": nil, "decoder": nil,
            "model": ["type": "WordLevel", "vocab": .object(vocabulary), "unk_token": "[UNK]"],
        ]
    }
}
