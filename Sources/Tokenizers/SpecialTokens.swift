import Files
import Foundation
import JSON

/// The tokens with a role, as `tokenizer_config.json` and `special_tokens_map.json` name them.
public struct SpecialTokens: Sendable, Equatable {
    /// A token and its identifier.
    public struct Token: Sendable, Equatable {
        /// The token as the vocabulary has it.
        public let text: String
        /// Its identifier.
        public let id: Int
    }

    /// The beginning of a text.
    public private(set) var bos: Token?
    /// The end of a text.
    public private(set) var eos: Token?
    /// What fills up shorter texts.
    public private(set) var pad: Token?
    /// What stands for unknown text.
    public private(set) var unk: Token?
    /// What begins a text to be classified.
    public private(set) var cls: Token?
    /// What separates two texts.
    public private(set) var sep: Token?
    /// What stands for a word to be guessed.
    public private(set) var mask: Token?
}

extension SpecialTokens {
    /// Reads the files of a folder; what is in `tokenizer_config.json` counts before the other file.
    ///
    /// - Parameter id: the identifier of a token. Roles of tokens that do not exist stay empty.
    init(folder: URL, id: (String) -> Int?) throws {
        var nodes: [JSON.Node] = []
        for name in ["tokenizer_config.json", "special_tokens_map.json"] {
            let file = folder.appendingPathComponent(name)
            guard FileManager.default.fileExists(atPath: file.path) else { continue }
            try Containment.require(file, in: folder)
            nodes.append(try JSON.Node(contentsOf: file, options: .init(allowsNonFinite: true)))
        }
        func token(_ key: String) throws -> Token? {
            for node in nodes {
                guard let value = try node.optional(key) else { continue }
                // A token is written as a text or as an added token with its options.
                let text =
                    if case .object = value.value { try value.field("content").string() } else { try value.string() }
                if let id = id(text) { return Token(text: text, id: id) }
            }
            return nil
        }
        bos = try token("bos_token")
        eos = try token("eos_token")
        pad = try token("pad_token")
        unk = try token("unk_token")
        cls = try token("cls_token")
        sep = try token("sep_token")
        mask = try token("mask_token")
    }
}
