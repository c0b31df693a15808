extension JSON {
    /// How a value is written.
    public struct Format: Sendable {
        /// Spaces per level, or nil for one line.
        public var indent: Int?
        /// Whether members are written in the order of their keys' code points instead of their own order.
        public var sortsKeys: Bool
        /// Whether a space follows separators on one line, as Python's `json.dumps` writes by default.
        public var spacesSeparators: Bool
        /// Whether everything beyond ASCII becomes a `\u` escape.
        public var escapesNonASCII: Bool

        /// By default the shortest text.
        public init(
            indent: Int? = nil, sortsKeys: Bool = false, spacesSeparators: Bool = false, escapesNonASCII: Bool = false
        ) {
            self.indent = indent
            self.sortsKeys = sortsKeys
            self.spacesSeparators = spacesSeparators
            self.escapesNonASCII = escapesNonASCII
        }

        /// One line without spaces.
        public static let compact = Format()
        /// Two spaces per level, keys in their own order.
        public static let pretty = Format(indent: 2)
        /// What `json.dumps(value, indent=2, sort_keys=True)` writes: the form of Hugging Face configuration files.
        public static let configuration = Format(indent: 2, sortsKeys: true, escapesNonASCII: true)
    }

    /// The value as JSON text, without a newline at its end.
    ///
    /// Numbers read back as the same bits. Values that are not finite are written as Python does (`NaN`,
    /// `Infinity`); the parser takes them only with `allowsNonFinite`.
    public func serialized(_ format: Format = .compact) -> String {
        String(decoding: serializedBytes(format), as: UTF8.self)
    }

    /// The UTF-8 bytes of `serialized(_:)`.
    public func serializedBytes(_ format: Format = .compact) -> [UInt8] {
        var writer = Writer(format: format)
        writer.write(self, level: 0)
        return writer.bytes
    }
}

private struct Writer {
    let format: JSON.Format
    var bytes: [UInt8] = []

    mutating func write(_ value: JSON, level: Int) {
        switch value {
        case .null: put("null")
        case .bool(let flag): put(flag ? "true" : "false")
        case .int(let number): put(String(number))
        case .double(let number): put(Self.text(of: number))
        case .string(let text): write(text)
        case .array(let elements):
            writeGroup("[", "]", elements, level: level) { $0.write($1, level: level + 1) }
        case .object(let object):
            let sorted =
                format.sortsKeys
                ? object.members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) } : object.members
            writeGroup("{", "}", sorted, level: level) { writer, member in
                writer.write(member.key)
                writer.put(writer.format.indent != nil || writer.format.spacesSeparators ? ": " : ":")
                writer.write(member.value, level: level + 1)
            }
        }
    }

    private mutating func writeGroup<Item>(
        _ open: String, _ close: String, _ items: [Item], level: Int, write: (inout Writer, Item) -> Void
    ) {
        put(open)
        for (index, item) in items.enumerated() {
            if index > 0 { put(format.indent == nil && format.spacesSeparators ? ", " : ",") }
            breakLine(level + 1)
            write(&self, item)
        }
        if !items.isEmpty { breakLine(level) }
        put(close)
    }

    private mutating func breakLine(_ level: Int) {
        guard let indent = format.indent else { return }
        bytes.append(0x0A)
        bytes.append(contentsOf: repeatElement(0x20, count: indent * level))
    }

    private mutating func put(_ text: String) { bytes.append(contentsOf: text.utf8) }

    private mutating func write(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": put("\\\"")
            case "\\": put("\\\\")
            case "\n": put("\\n")
            case "\r": put("\\r")
            case "\t": put("\\t")
            case "\u{8}": put("\\b")
            case "\u{C}": put("\\f")
            case ..<" ": putEscape(UInt16(scalar.value))
            case "\u{7F}"... where format.escapesNonASCII && scalar.value > 0x7F:
                for unit in String(scalar).utf16 { putEscape(unit) }
            default: bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func putEscape(_ unit: UInt16) {
        let digits = String(unit, radix: 16)
        put("\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
    }

    /// The shortest digits that read back as the same number, laid out as Python's `repr` does: an exponent below
    /// 1e-4 and from 1e16 on, a fraction always.
    private static func text(of number: Double) -> String {
        guard number.isFinite else { return number.isNaN ? "NaN" : number < 0 ? "-Infinity" : "Infinity" }
        // Swift's own description turns to an exponent at 2^53 already, where every value is an integer.
        return (0x1p53..<1e16).contains(number.magnitude) ? "\(Int64(number)).0" : number.description
    }
}
