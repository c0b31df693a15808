import Foundation
import JSON

@testable import Datasets

/// Writes bytes to a fresh file, hands it to `body` and removes it.
func withFile<Result>(_ name: String, _ bytes: [UInt8], _ body: (URL) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appending(path: "graft-datasets-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appending(path: name)
    try Data(bytes).write(to: file)
    return try body(file)
}

func withFile<Result>(_ name: String, _ text: String, _ body: (URL) throws -> Result) throws -> Result {
    try withFile(name, Array(text.utf8), body)
}

/// All rows of a file's content.
func records(_ name: String, _ bytes: [UInt8], options: DataFile.Options = .init()) throws -> [Record] {
    try withFile(name, bytes) { url in
        var records: [Record] = []
        try DataFile(url, options: options).forEachRecord { records.append($0) }
        return records
    }
}

func records(_ name: String, _ text: String, options: DataFile.Options = .init()) throws -> [Record] {
    try records(name, Array(text.utf8), options: options)
}

/// The error of reading, mapped to its sentence with the folder taken away.
func fault(_ name: String, _ bytes: [UInt8], options: DataFile.Options = .init()) -> String {
    fault { _ = try records(name, bytes, options: options) }
}

func fault(_ name: String, _ text: String, options: DataFile.Options = .init()) -> String {
    fault(name, Array(text.utf8), options: options)
}

func fault(_ body: () throws -> Void) -> String {
    do {
        try body()
        return "no error"
    } catch let error as DatasetError {
        return withoutFolder(error.description)
    } catch {
        return "another error: \(error)"
    }
}

func withoutFolder(_ sentence: String) -> String {
    guard let range = sentence.range(of: #"^.*graft-datasets-[0-9A-F-]+/"#, options: .regularExpression) else {
        return sentence
    }
    return String(sentence[range.upperBound...])
}

func samples(_ name: String, _ text: String, for task: DatasetTask, skipsEmptyRows: Bool = false) throws -> SampleSet {
    try withFile(name, text) { url in
        try SampleSet(reading: DataFile(url), for: task, skipsEmptyRows: skipsEmptyRows)
    }
}

func sample(_ text: String, pair: String? = nil, label: RawLabel? = nil, line: Int = 1) -> Sample {
    Sample(
        location: SourceLocation(file: "data.csv", position: .line(line)), content: .text(text, pair: pair),
        label: label)
}

func strings(_ record: Record) -> [String] {
    record.fields.members.map { if case .string(let text) = $0.value { "\($0.key)=\(text)" } else { "\($0.key)=?" } }
}

/// Words between blanks; a blank belongs to the word after it, as with byte-level BPE. The id of a word is its length,
/// plus 10.
struct WordEncoder: TextEncoder {
    var beginID: Int?
    var separatorID: Int?
    var endID: Int?
    var padID: Int? = 0
    var maximumLength: Int?

    /// Like BERT: a begin token, and a separator after each text.
    static let bert = WordEncoder(beginID: 1, separatorID: 2)
    /// Like Llama: a begin token, and an end token that the template does not insert.
    static let llama = WordEncoder(beginID: 1, endID: 3)

    func tokens(of text: String, pair: String?, addSpecialTokens: Bool) throws -> TokenSequence {
        var result = TokenSequence(ids: [], typeIDs: [], offsets: [], isSpecial: [])
        func special(_ id: Int?, _ type: Int) {
            guard addSpecialTokens, let id else { return }
            result.ids.append(id)
            result.typeIDs.append(type)
            result.offsets.append(0..<0)
            result.isSpecial.append(true)
        }
        special(beginID, 0)
        for (type, part) in [text, pair].compactMap({ $0 }).enumerated() {
            for word in Self.words(of: part) {
                result.ids.append(10 + word.count)
                result.typeIDs.append(type)
                result.offsets.append(word)
                result.isSpecial.append(false)
            }
            special(separatorID, type)
        }
        return result
    }

    private static func words(of text: String) -> [Range<Int>] {
        let scalars = Array(text.unicodeScalars)
        var starts: [Int] = []
        for index in scalars.indices where index == 0 || (scalars[index] == " " && scalars[index - 1] != " ") {
            starts.append(index)
        }
        return zip(starts, starts.dropFirst() + [scalars.count]).map { $0..<$1 }
    }
}

/// Examples of given lengths for language modelling; token `i` of example `e` is `100 e + i`.
func examples(ofLengths lengths: [Int]) -> [Example] {
    lengths.enumerated().map { index, length in
        let ids = (0..<length).map { Int32(100 * index + $0) }
        return Example(inputIDs: ids, target: .tokens([ignoredLabel] + ids.dropFirst()))
    }
}

/// Lengths with a long tail, the same for the same seed.
func randomLengths(_ count: Int, upTo maximum: Int, seed: UInt64) -> [Int] {
    var random = CounterRandom(seed: seed, purpose: "lengths", step: 0)
    return (0..<count).map { _ in
        let draw = Int(random.next(below: UInt64(maximum)))
        return 1 + draw * draw / maximum
    }
}
