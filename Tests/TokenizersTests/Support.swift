import Foundation
import Testing

@testable import Tokenizers

/// Builds tokenizers from parts of a `tokenizer.json`.
enum Make {
    static let wordLevel = #"{"type":"WordLevel","vocab":{"[UNK]":0,"a":1,"b":2},"unk_token":"[UNK]"}"#

    /// The text of a `tokenizer.json` with these sections, all others null.
    static func json(_ sections: [String: String]) -> String {
        var all = ["version": "\"1.0\"", "added_tokens": "[]", "model": wordLevel]
        for key in ["truncation", "padding", "normalizer", "pre_tokenizer", "post_processor", "decoder"] {
            all[key] = "null"
        }
        all.merge(sections) { $1 }
        return "{" + all.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",") + "}"
    }

    /// A tokenizer with these sections, and further files beside it.
    static func tokenizer(_ sections: [String: String], files: [String: String] = [:]) throws -> Tokenizer {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tokenizer-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, text) in files.merging(["tokenizer.json": json(sections)], uniquingKeysWith: { $1 }) {
            try Data(text.utf8).write(to: folder.appendingPathComponent(name))
        }
        return try Tokenizer(contentsOf: folder)
    }

    /// The pieces that a pre-tokenizer makes, as texts.
    static func pieces(_ preTokenizer: String, _ text: String) throws -> [String] {
        let tokenizer = try tokenizer(["pre_tokenizer": preTokenizer])
        let scalars = Array(text.unicodeScalars)
        return try tokenizer.encode(text).offsets.map { range in
            String(String.UnicodeScalarView(scalars[range]))
        }
    }
}
