import Datasets
import Foundation
import JSON
import Tokenizers
import Training
import YAML

extension FuzzReader {
    /// The only file of a case.
    static func file(in folder: URL) throws -> URL {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        guard let name = names.first else { throw CocoaError(.fileNoSuchFile) }
        return folder.appendingPathComponent(name)
    }

    static func bytes(in folder: URL) throws -> [UInt8] { [UInt8](try Data(contentsOf: file(in: folder))) }
}

/// What is read as JSON and written again reads as the same.
struct JSONReader: FuzzReader {
    static let name = "json"
    static let words = ["\\ud83d\\ude00", "\\", "e+", "-0.0", "1e-400", "[[[[", "{\"a\":"]

    init(corpus: URL) {}

    func read(_ folder: URL) throws {
        let bytes = try Self.bytes(in: folder)
        let options = JSON.ParseOptions(allowsNonFinite: bytes.count % 2 == 0)
        let value = try JSON.parse(bytes, options: options)
        // NaN is not equal to itself, so texts are compared.
        let text = value.serialized()
        guard try JSON.parse(text, options: options).serialized() == text else { throw FuzzFault("\(text) changes") }
    }
}

struct YAMLReader: FuzzReader {
    static let name = "yaml"
    static let words = [
        "&a", "*a", "<<: *a", "!!binary", "!!python/object:os.system", "---", "...", "|", ">", "%YAML 1.2", "? ", "- ",
        ": ", "{", "[", "'", "\"", "#", "!<tag:yaml.org,2002:int>", "0x", "0o", ".inf", ".nan",
    ]

    init(corpus: URL) {}

    func read(_ folder: URL) throws {
        _ = try YAMLDocument.value(of: String(decoding: Self.bytes(in: folder), as: UTF8.self), source: "x.yaml")
    }
}

/// A training's configuration: YAML, the keys of all groups, and the options of every method.
struct ConfigurationReader: FuzzReader {
    static let name = "configuration"
    static let words =
        ["target_modules", "all-linear", "rank_pattern", "modules_to_save", "task", "preference", "method", "name"]
        + TrainingConfiguration.keys

    init(corpus: URL) {}

    func read(_ folder: URL) throws {
        let text = String(decoding: try Self.bytes(in: folder), as: UTF8.self)
        let value = try YAMLDocument.value(of: text, source: "x.yaml")
        let configuration = try TrainingConfiguration(JSON.Node(value, source: "x.yaml"))
        _ = try TrainingConfiguration(JSON.Node(configuration.json))
    }
}

struct TokenizerReader: FuzzReader {
    static let name = "tokenizer"
    static let readsFolder = true
    static let words = [
        "Replace", "Split", "Regex", "String", "Sequence", "NFKC", "Precompiled", "Prepend", "ByteLevel", "Metaspace",
        "TemplateProcessing", "SpecialToken", "BPE", "Unigram", "WordPiece", "WordLevel", "byte_fallback", "merges",
        "(?:a*)*b", "(a+)+$", "\\s+(?!\\S)", "\\p{L}", "[^\\r\\n]", "{1000}", "(?:){1000}", "(?<=a)", "LongestFirst",
        "Fixed", "ids", "tokens", "type_id",
    ]

    init(corpus: URL) {}

    private static let texts = [
        "", " ", "Hello, world! 123", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!",
        "cafe\u{301} Ⅻ \u{FDFA}\u{200D}👩‍👩‍👧 [MASK] ﬁ\n\tend", "the cat\u{0}sat   on [PAD][PAD] the mat.",
    ]

    func read(_ folder: URL) throws {
        let tokenizer = try Tokenizer(contentsOf: folder)
        for text in Self.texts {
            let encoding = try tokenizer.encode(text, pair: text.count % 2 == 0 ? nil : "cats")
            let count = encoding.ids.count
            guard encoding.tokens.count == count, encoding.offsets.count == count, encoding.typeIDs.count == count,
                encoding.ids.allSatisfy({ $0 >= 0 })
            else { throw FuzzFault("the parts of an encoding differ in length") }
            _ = try tokenizer.decode(encoding.ids.filter { $0 < tokenizer.identifierLimit })
        }
    }
}

/// A regular expression of a tokenizer on a text: `pattern.txt` and `text.txt`.
struct PatternReader: FuzzReader {
    static let name = "pattern"
    static let words = [
        "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:", "(?<n>", "\\k<n>", "\\1", "\\K", "\\G", "\\b", "\\R", "\\X",
        "\\p{Lu}", "\\p{Han}", "\\h", "[[:alpha:]&&[^a]]", "[^", "*+", "??", "{0,1000}", "{2,}", "{,3}", "|", "(a|a)*",
        "(a*)*", "$", "^", "\\A", "\\z", ".*", "\\x{10FFFF}", "\\u0041",
    ]

    init(corpus: URL) {}

    func read(_ folder: URL) throws {
        func text(_ name: String) throws -> String {
            String(decoding: try Data(contentsOf: folder.appendingPathComponent(name)), as: UTF8.self)
        }
        let split: JSON = [
            "type": "Split", "pattern": ["Regex": .string(try text("pattern.txt"))], "behavior": "Isolated",
            "invert": false,
        ]
        let file: JSON = [
            "version": "1.0", "pre_tokenizer": split,
            "model": ["type": "WordLevel", "vocab": ["?": 0], "unk_token": "?"],
        ]
        let place = folder.appendingPathComponent("tokenizer.json")
        try Data(file.serialized().utf8).write(to: place)
        _ = try Tokenizer(contentsOf: place).encode(String(text("text.txt").prefix(4096)))
    }
}

struct DataReader: FuzzReader {
    static let name = "data"
    static let words = ["\"\"", "\r\n", "\",\"", "\u{FEFF}", "text", "label", "{\"text\": \"a\"}", ",,,,,,,,", "PAR1"]

    init(corpus: URL) {}

    func read(_ folder: URL) throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() {
            try DataFile(folder.appendingPathComponent(name)).forEachRecord { record in
                for (_, value) in record.fields { _ = value.serialized() }
            }
        }
    }
}
