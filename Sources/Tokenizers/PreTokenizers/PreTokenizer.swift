import JSON

/// A step that cuts a text into the pieces that the model sees.
enum PreTokenizer: Sendable {
    case bert
    case byteLevel(ByteLevel)
    case delimiter(UInt32)
    case digits(isIndividual: Bool)
    case fixedLength(Int)
    case metaspace(Metaspace)
    case punctuation(SplitBehavior)
    case split(Pattern, SplitBehavior, isInverted: Bool)
    case unicodeScripts
    case whitespace
    case whitespaceSplit

    func apply(_ text: inout PreTokenized, _ scratch: Scratch) throws {
        switch self {
        case .bert: Self.splitWords(&text)
        case .byteLevel(let byteLevel): try byteLevel.apply(&text, scratch)
        case .delimiter(let delimiter): text.split(.removed) { $0 == delimiter }
        case .digits(let isIndividual):
            text.split(isIndividual ? .isolated : .contiguous) { ScalarProperties.of($0).contains(.numeric) }
        case .fixedLength(let length): Self.splitLengths(&text, length)
        case .metaspace(let metaspace): metaspace.apply(&text)
        case .punctuation(let behavior): text.split(behavior) { ScalarProperties.of($0).contains(.punctuation) }
        case .split(let pattern, let behavior, let isInverted):
            try text.split(behavior) { bytes, range, splitter in
                try pattern.forEachStretch(in: bytes, range, scratch.matcher) { stretch, isMatch in
                    splitter.add(stretch, isMatch: isMatch != isInverted)
                }
            }
        case .unicodeScripts: Self.splitScripts(&text)
        case .whitespace: Self.splitRuns(&text)
        case .whitespaceSplit: text.split(.removed) { ScalarProperties.of($0).contains(.whitespace) }
        }
    }
}

extension PreTokenizer {
    /// Words without the white space between them, each punctuation mark alone.
    private static func splitWords(_ text: inout PreTokenized) {
        text.split(.isolated) { bytes, range, splitter in
            var start = range.lowerBound
            var position = start
            while position < range.upperBound {
                let (scalar, length) = UTF8Text.scalar(in: bytes, at: position)
                let properties = ScalarProperties.of(scalar)
                let isSpace = properties.contains(.whitespace)
                if isSpace || properties.contains(.punctuation) {
                    splitter.add(start..<position, isMatch: false)
                    if !isSpace { splitter.add(position..<(position + length), isMatch: true) }
                    start = position + length
                }
                position += length
            }
            splitter.add(start..<position, isMatch: false)
        }
    }

    /// Runs of word characters and runs of anything else but white space.
    private static func splitRuns(_ text: inout PreTokenized) {
        text.split(.isolated) { bytes, range, splitter in
            var start = range.lowerBound
            var position = start
            var current: ScalarProperties = .whitespace
            while position < range.upperBound {
                let (scalar, length) = UTF8Text.scalar(in: bytes, at: position)
                let properties = ScalarProperties.of(scalar)
                let kind: ScalarProperties =
                    properties.contains(.word) ? .word : properties.contains(.whitespace) ? .whitespace : []
                if kind != current {
                    if current != .whitespace { splitter.add(start..<position, isMatch: true) }
                    start = position
                    current = kind
                }
                position += length
            }
            if current != .whitespace { splitter.add(start..<position, isMatch: true) }
        }
    }

    private static func splitLengths(_ text: inout PreTokenized, _ length: Int) {
        text.split(.isolated) { bytes, range, splitter in
            var start = range.lowerBound
            var position = start
            var count = 0
            while position < range.upperBound {
                position += UTF8Text.length(lead: bytes[position])
                count += 1
                if count == length {
                    splitter.add(start..<position, isMatch: true)
                    start = position
                    count = 0
                }
            }
            splitter.add(start..<position, isMatch: true)
        }
    }

    /// Cuts where the script changes. Characters of no script join what is before them; before the first character
    /// of a script they are lost, as in the reference.
    private static func splitScripts(_ text: inout PreTokenized) {
        text.split(.isolated) { bytes, range, splitter in
            var start: Int?
            var position = range.lowerBound
            var last: UInt8?
            while position < range.upperBound {
                let (scalar, length) = UTF8Text.scalar(in: bytes, at: position)
                let script = ScriptClass.of(scalar)
                if script != ScriptClass.any, script != last {
                    if let start { splitter.add(start..<position, isMatch: true) }
                    start = position
                    last = script
                }
                position += length
            }
            if let start { splitter.add(start..<position, isMatch: true) }
        }
    }
}

extension PreTokenizer {
    private static let known = [
        "BertPreTokenizer", "ByteLevel", "CharDelimiterSplit", "Digits", "FixedLength", "Metaspace", "Punctuation",
        "Sequence", "Split", "UnicodeScripts", "Whitespace", "WhitespaceSplit",
    ]

    /// Reads the section `pre_tokenizer` as the steps it consists of.
    static func read(_ node: JSON.Node) throws -> [PreTokenizer] {
        let name = try node.field("type").string()
        switch name {
        case "Sequence": return try node.field("pretokenizers").elements().flatMap(read)
        case "BertPreTokenizer": return [.bert]
        case "ByteLevel": return [.byteLevel(try ByteLevel(node))]
        case "CharDelimiterSplit", "Delimiter": return [.delimiter(try node.field("delimiter").scalar().value)]
        case "Digits": return [.digits(isIndividual: try node.field("individual_digits").bool())]
        case "FixedLength":
            return [.fixedLength(try node.optional("length")?.int(in: 1...Int.max) ?? 5)]
        case "Metaspace": return [.metaspace(try Metaspace(node))]
        case "Punctuation": return [.punctuation(try node.optional("behavior").map(behavior) ?? .isolated)]
        case "Split":
            let isInverted = try node.field("invert").bool()
            return [
                .split(
                    try Pattern(node.field("pattern")), try behavior(node.field("behavior")), isInverted: isInverted)
            ]
        case "UnicodeScripts": return [.unicodeScripts]
        case "Whitespace": return [.whitespace]
        case "WhitespaceSplit": return [.whitespaceSplit]
        default: throw TokenizerError.unknownComponent(path: node.path, name: name, known: known)
        }
    }

    private static func behavior(_ node: JSON.Node) throws -> SplitBehavior { try node.choice(SplitBehavior.self) }
}

extension JSON.Node {
    /// The only scalar of the string here.
    func scalar() throws -> Unicode.Scalar {
        let scalars = try string().unicodeScalars
        guard let first = scalars.first, scalars.count == 1 else {
            throw mismatch("a single character", found: "\(scalars.count)")
        }
        return first
    }
}
