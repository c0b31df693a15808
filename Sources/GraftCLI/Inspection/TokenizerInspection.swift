import Foundation
import JSON
import Reporting

/// Explains a `tokenizer.json` by the components that it names.
enum TokenizerInspection {
    static func section(_ url: URL) throws -> Section {
        let root = try JSON.Node(contentsOf: url)
        let model = try root.field("model")
        var section = Section("Tokenizer \(url.path)")
        section.add("model", try kind(model))
        section.add("vocabulary", try vocabularySize(model).map(Quantity.count))
        section.add("merges", try model.optional("merges").map { Quantity.count(try $0.elements().count) })
        for name in ["normalizer", "pre_tokenizer", "post_processor", "decoder"] {
            section.add(name.replacing("_", with: " "), try root.optional(name).map(component) ?? "none")
        }
        let added = try root.optional("added_tokens")?.elements() ?? []
        let special = try added.filter { try $0.optional("special")?.bool() ?? false }
        section.add("added tokens", "\(added.count), \(special.count) of them special")
        section.add("truncation", try root.optional("truncation").map { "\(try $0.field("max_length").int()) tokens" })
        section.table = Table(
            head: ["ADDED TOKEN", "ID"],
            rows: try added.prefix(20).map { [try $0.field("content").string(), "\(try $0.field("id").int())"] },
            rightAligned: [1])
        if added.count > 20 { section.notes.append("and \(added.count - 20) more added tokens") }
        return section
    }

    /// `BPE, 50,257 tokens` for the page of a model.
    static func summary(_ url: URL) throws -> String {
        let model = try JSON.Node(contentsOf: url).field("model")
        let size = try vocabularySize(model).map { ", \(Quantity.count($0)) tokens" } ?? ""
        return try kind(model) + size
    }

    /// Older files leave the type out; what they hold tells it.
    private static func kind(_ model: JSON.Node) throws -> String {
        if let type = try model.optional("type")?.string() { return type }
        if try model.optional("merges") != nil { return "BPE" }
        if case .array? = try model.optional("vocab")?.value { return "Unigram" }
        return "WordPiece or WordLevel"
    }

    private static func vocabularySize(_ model: JSON.Node) throws -> Int? {
        switch try model.optional("vocab")?.value {
        case .object(let vocabulary)?: vocabulary.count
        case .array(let vocabulary)?: vocabulary.count
        default: nil
        }
    }

    /// A component's type, with those of its parts.
    private static func component(_ node: JSON.Node) throws -> String {
        let type = try node.field("type").string()
        for key in ["normalizers", "pretokenizers", "processors", "decoders"] {
            if let parts = try node.optional(key)?.elements() {
                return try "\(type)(\(parts.map { try $0.field("type").string() }.joined(separator: ", ")))"
            }
        }
        return type
    }
}
