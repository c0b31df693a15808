import Foundation
import JSON

/// A golden case of a tokenizer: texts, and what the reference made of them.
///
/// A case is a folder with `case.json`, `texts.json`, `expected.json` and usually its own `tokenizer`.
public struct TokenizerCase: Sendable {
    /// How a case went.
    public enum Outcome: Sendable, Equatable {
        /// Everything is equal, for so many texts.
        case passed(texts: Int)
        /// The first difference.
        case failed(String)
    }

    private let tokenizer: Tokenizer
    private let inputs: [EncodeInput]
    private let expected: [JSON.Node]
    private let addsSpecialTokens: Bool
    private let batchSize: Int?

    /// Reads a case and its tokenizer.
    ///
    /// - Parameters:
    ///   - folder: the folder of the case.
    ///   - roots: where the visible cases may be, which a case that borrows a tokenizer names it relative to; the folders
    ///     two and three levels up come first.
    /// - Throws: `JSONError` or `TokenizerError` where a file is missing or malformed.
    public init(folder: URL, roots: [URL] = []) throws {
        let config = try JSON.Node(contentsOf: folder.appendingPathComponent("case.json")).field("config")
        addsSpecialTokens = try config.field("add_special_tokens").bool()
        batchSize = try config.optional("batch_size")?.int(in: 1...Int.max)
        let location = try Self.tokenizer(named: config.optional("tokenizer")?.string(), of: folder, roots)
        var tokenizer = try Tokenizer(contentsOf: location)
        // The key with a null switches the file's section off; without the key the section applies.
        if let value = try config.object()["truncation"], value == .null { tokenizer = tokenizer.withoutTruncation() }
        if let value = try config.object()["padding"], value == .null { tokenizer = tokenizer.withoutPadding() }
        self.tokenizer = tokenizer
        inputs = try JSON.Node(contentsOf: folder.appendingPathComponent("texts.json")).elements().map(Self.input)
        expected = try JSON.Node(contentsOf: folder.appendingPathComponent("expected.json")).elements()
        guard inputs.count == expected.count else {
            throw TokenizerError.invalid(
                path: folder.path, reason: "there are \(inputs.count) texts but \(expected.count) expected results")
        }
    }

    private static func tokenizer(named name: String?, of folder: URL, _ roots: [URL]) throws -> URL {
        guard let name else { return folder.appendingPathComponent("tokenizer") }
        let cases = folder.deletingLastPathComponent().deletingLastPathComponent()
        let places = ([cases, cases.deletingLastPathComponent()] + roots).map { $0.appendingPathComponent(name) }
        guard let found = places.first(where: { FileManager.default.fileExists(atPath: $0.path) }) else {
            throw TokenizerError.invalid(
                path: folder.path, reason: "the tokenizer `\(name)` that it borrows is nowhere")
        }
        return found
    }

    private static func input(_ node: JSON.Node) throws -> EncodeInput {
        guard case .array = node.value else { return EncodeInput(try node.string()) }
        let pair = try node.strings()
        guard pair.count == 2 else { throw node.mismatch("a text or two", found: "\(pair.count)") }
        return EncodeInput(pair[0], pair: pair[1])
    }

    /// Encodes and decodes all texts and compares with what is expected.
    public func run() -> Outcome {
        let size = batchSize ?? 1
        for start in stride(from: 0, to: inputs.count, by: size) {
            let range = start..<min(start + size, inputs.count)
            let results = encode(Array(inputs[range]))
            for (index, result) in zip(range, results) {
                do {
                    if let difference = try difference(result, at: index) {
                        return .failed("text \(index): \(difference)")
                    }
                } catch {
                    return .failed("text \(index): \(error)")
                }
            }
        }
        return .passed(texts: inputs.count)
    }

    /// A batch, or its texts one by one where one of them is refused.
    private func encode(_ batch: [EncodeInput]) -> [Result<Encoding, any Error>] {
        if let encodings = try? tokenizer.encodeBatch(batch, addSpecialTokens: addsSpecialTokens) {
            return encodings.map { .success($0) }
        }
        return batch.map { input in
            Result { try tokenizer.encode(input.text, pair: input.pair, addSpecialTokens: addsSpecialTokens) }
        }
    }
}

extension TokenizerCase {
    private func difference(_ result: Result<Encoding, any Error>, at index: Int) throws -> String? {
        let expected = expected[index]
        if try expected.optional("error") != nil {
            if case .success = result { return "it must be refused, but was encoded" }
            return nil
        }
        let encoding: Encoding
        switch result {
        case .success(let value): encoding = value
        case .failure(let error): return "\(error)"
        }
        return try Self.difference(encoding, expected) ?? decodedDifference(encoding, expected)
            ?? otherDifference(inputs[index], expected)
    }

    private static func difference(_ encoding: Encoding, _ expected: JSON.Node) throws -> String? {
        let zeros = [Int](repeating: 0, count: encoding.count)
        let ones = [Int](repeating: 1, count: encoding.count)
        let columns: [(String, [Int], [Int]?)] = [
            ("ids", encoding.ids, try expected.field("ids").ints()),
            ("type_ids", encoding.typeIDs, try expected.optional("type_ids")?.ints() ?? zeros),
            ("attention_mask", encoding.attentionMask, try expected.optional("attention_mask")?.ints() ?? ones),
            (
                "special_tokens_mask", encoding.specialTokensMask,
                try expected.optional("special_tokens_mask")?.ints()
            ),
        ]
        for case (let name, let found, let wanted?) in columns where found != wanted {
            return describe(name, found.map { "\($0)" }, wanted.map { "\($0)" })
        }
        let tokens = try expected.field("tokens").strings()
        if !encoding.tokens.elementsEqual(tokens, by: { $0.utf8.elementsEqual($1.utf8) }) {
            return describe("tokens", encoding.tokens, tokens)
        }
        let offsets = try expected.field("offsets").elements().map { try $0.ints() }
        let found = encoding.offsets.map { [$0.lowerBound, $0.upperBound] }
        if found != offsets { return describe("offsets", found.map { "\($0)" }, offsets.map { "\($0)" }) }
        let windows = try expected.optional("overflowing")?.elements().map { try $0.ints() } ?? []
        let foundWindows = encoding.overflowing.map(\.ids)
        if foundWindows != windows {
            return describe("overflowing", foundWindows.map { "\($0)" }, windows.map { "\($0)" })
        }
        return nil
    }

    private func decodedDifference(_ encoding: Encoding, _ expected: JSON.Node) throws -> String? {
        for (name, skips) in [("decoded", true), ("decoded_with_special", false)] {
            guard let wanted = try expected.optional(name)?.string() else { continue }
            let found = try tokenizer.decode(encoding.ids, skipSpecialTokens: skips)
            if !found.utf8.elementsEqual(wanted.utf8) { return "\(name) is \"\(found)\", not \"\(wanted)\"" }
        }
        return nil
    }

    private func otherDifference(_ input: EncodeInput, _ expected: JSON.Node) throws -> String? {
        guard let wanted = try expected.optional("other_ids")?.ints() else { return nil }
        let found = try tokenizer.encode(input.text, pair: input.pair, addSpecialTokens: !addsSpecialTokens).ids
        return found == wanted ? nil : Self.describe("other_ids", found.map { "\($0)" }, wanted.map { "\($0)" })
    }

    /// The first place where two columns differ.
    private static func describe(_ name: String, _ found: [String], _ wanted: [String]) -> String {
        let same = zip(found, wanted).prefix { $0.utf8.elementsEqual($1.utf8) }.count
        let left = same < found.count ? found[same] : "nothing"
        let right = same < wanted.count ? wanted[same] : "nothing"
        return "\(name)[\(same)] is \(left), not \(right) (\(found.count) of \(wanted.count) entries)"
    }
}
