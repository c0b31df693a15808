import Files
import Foundation
import JSON

/// Turns text into the tokens of a model and back, as a Hugging Face `tokenizer.json` describes it.
///
/// The result equals that of Python's `tokenizers` 0.23: identifiers, tokens, offsets and decoded text.
///
/// ```swift
/// let tokenizer = try Tokenizer(contentsOf: folder)
/// let encoding = try tokenizer.truncating(to: 512).encode("A quick test.")
/// let text = try tokenizer.decode(encoding.ids)
/// ```
///
/// A tokenizer never changes; the methods that set truncation and padding return another one that shares everything
/// else.
public final class Tokenizer: Sendable {
    /// How texts that are too long are cut; nil for not at all.
    public let truncation: Truncation?
    /// How texts are filled up; nil for not at all.
    public let padding: Padding?
    /// The special tokens by their roles, from the files beside `tokenizer.json`.
    public let specialTokens: SpecialTokens

    let pipeline: Pipeline

    /// Reads a tokenizer.
    ///
    /// - Parameter location: `tokenizer.json`, or the folder that holds it; `tokenizer_config.json` and
    ///   `special_tokens_map.json` beside it give the roles of special tokens.
    /// - Throws: `TokenizerError` or `JSONError`, saying what is wrong and where.
    public init(contentsOf location: URL) throws {
        var isFolder: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: location.path, isDirectory: &isFolder)
        let file = isFolder.boolValue ? location.appendingPathComponent("tokenizer.json") : location
        guard exists, FileManager.default.fileExists(atPath: file.path) else {
            throw TokenizerError.missingFile(path: location.path)
        }
        // A file that is named itself may be a link; one of a folder must be in it.
        if isFolder.boolValue { try Containment.require(file, in: location) }
        let root = try JSON.Node(contentsOf: file)
        let pipeline = try Pipeline(root)
        self.pipeline = pipeline
        truncation = try root.optional("truncation").map(Truncation.init)
        padding = try root.optional("padding").map(Padding.init)
        specialTokens = try SpecialTokens(
            folder: file.deletingLastPathComponent(), id: { pipeline.id(of: $0) })
    }

    private init(_ other: Tokenizer, truncation: Truncation?, padding: Padding?) {
        pipeline = other.pipeline
        specialTokens = other.specialTokens
        self.truncation = truncation
        self.padding = padding
    }
}

extension Tokenizer {
    /// The same tokenizer with another truncation; nil for none.
    public func truncating(_ truncation: Truncation?) -> Tokenizer {
        Tokenizer(self, truncation: truncation, padding: padding)
    }

    /// The same tokenizer, cutting texts at the right after so many tokens, special ones included.
    public func truncating(to maximumLength: Int) -> Tokenizer {
        truncating(Truncation(maximumLength: maximumLength))
    }

    /// The same tokenizer, cutting nothing.
    public func withoutTruncation() -> Tokenizer { truncating(nil) }

    /// The same tokenizer with another padding; nil for none.
    public func padding(_ padding: Padding?) -> Tokenizer {
        Tokenizer(self, truncation: truncation, padding: padding)
    }

    /// The same tokenizer, filling up nothing.
    public func withoutPadding() -> Tokenizer { padding(nil) }
}

extension Tokenizer {
    /// The number of tokens, added ones included.
    public var vocabularySize: Int { pipeline.vocabularySize }

    /// One more than the largest identifier: the least number of rows that an embedding needs.
    public var identifierLimit: Int { pipeline.identifierLimit }

    /// The added tokens by identifier.
    public var addedTokens: [Int: AddedToken] { pipeline.addedTokens.tokens }

    /// The identifier of a token, looked up by its exact bytes.
    public func tokenID(for token: String) -> Int? { pipeline.id(of: token) }

    /// The token with an identifier.
    public func token(for id: Int) -> String? {
        pipeline.addedTokens.tokens[id]?.content ?? pipeline.model.vocabulary.text(of: id)
    }
}

extension Tokenizer {
    /// Encodes a text, or a pair of texts.
    ///
    /// - Parameters:
    ///   - pair: the second text.
    ///   - addSpecialTokens: whether the post-processor adds its tokens.
    /// - Throws: `TokenizerError` where the model has no token for the text, or the truncation cannot be done.
    public func encode(_ text: String, pair: String? = nil, addSpecialTokens: Bool = true) throws -> Encoding {
        try pipeline.scratches.with {
            try encode(EncodeInput(text, pair: pair), addSpecialTokens: addSpecialTokens, $0)
        }
    }

    /// Encodes many texts, on all cores, and fills them up together.
    ///
    /// - Throws: the error of the first text that cannot be encoded.
    public func encodeBatch(_ inputs: [EncodeInput], addSpecialTokens: Bool = true) throws -> [Encoding] {
        var encodings = try ParallelMap.map(inputs, self.pipeline.scratches) { input, scratch in
            try self.encode(input, addSpecialTokens: addSpecialTokens, scratch)
        }
        try padding?.apply(&encodings)
        return encodings
    }

    private func encode(_ input: EncodeInput, addSpecialTokens: Bool, _ scratch: Scratch) throws -> Encoding {
        var first = try pipeline.encode(input.text, typeID: 0, scratch)
        var second = try input.pair.map { try pipeline.encode($0, typeID: 1, scratch) }
        if let truncation {
            let added = addSpecialTokens ? pipeline.addedTokenCount(isPair: second != nil) : 0
            try truncation.apply(&first, &second, added: added)
        }
        var result = try [pipeline.postProcess(first, second, addsSpecialTokens: addSpecialTokens)]
        try padding?.apply(&result)
        return result[0]
    }
}

extension Tokenizer {
    /// The text of tokens.
    ///
    /// Identifiers without a token are passed over: models often have more rows than their tokenizer has tokens.
    ///
    /// - Throws: `TokenizerError.patternTooSlow` where a pattern of the decoder needs too many steps.
    public func decode(_ ids: [Int], skipSpecialTokens: Bool = true) throws -> String {
        try pipeline.scratches.with { try pipeline.decode(ids, skipsSpecialTokens: skipSpecialTokens, $0) }
    }
}

/// What to encode: a text, or a pair of texts.
public struct EncodeInput: Sendable, Equatable, ExpressibleByStringLiteral {
    /// The text, or the first of a pair.
    public var text: String
    /// The second text of a pair.
    public var pair: String?

    /// A text, or a pair.
    public init(_ text: String, pair: String? = nil) {
        self.text = text
        self.pair = pair
    }

    /// A single text.
    public init(stringLiteral text: String) { self.init(text) }
}
