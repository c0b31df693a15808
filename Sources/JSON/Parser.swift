/// A recursive descent over the bytes of one JSON text.
///
/// The bytes outlive the parser: it is made and used inside one `withUnsafeBytes`.
struct Parser {
    let bytes: UnsafeRawBufferPointer
    let source: String
    let options: JSON.ParseOptions
    var position = 0
    private var depth = 0
    private var count = 0

    init(bytes: UnsafeRawBufferPointer, source: String, options: JSON.ParseOptions) {
        self.bytes = bytes
        self.source = source
        self.options = options
    }

    mutating func parseDocument() throws -> JSON {
        skipSpace()
        let value = try parseValue()
        skipSpace()
        if position < bytes.count { throw unexpected("the end of the text after the value") }
        return value
    }

    private mutating func parseValue() throws -> JSON {
        count += 1
        guard count <= options.maximumValues else { throw failure("more than \(options.maximumValues) values") }
        guard let byte = peek() else { throw unexpected("a value") }
        switch byte {
        case UInt8(ascii: "{"): return .object(try nested { try $0.parseObject() })
        case UInt8(ascii: "["): return .array(try nested { try $0.parseArray() })
        case UInt8(ascii: "\""): return .string(try parseString())
        case UInt8(ascii: "t"): return try parseWord("true", .bool(true))
        case UInt8(ascii: "f"): return try parseWord("false", .bool(false))
        case UInt8(ascii: "n"): return try parseWord("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try parseNumber()
        case UInt8(ascii: "N") where options.allowsNonFinite: return try parseWord("NaN", .double(.nan))
        case UInt8(ascii: "I") where options.allowsNonFinite: return try parseWord("Infinity", .double(.infinity))
        default: throw unexpected("a value")
        }
    }

    private mutating func nested<Value>(_ body: (inout Parser) throws -> Value) throws -> Value {
        guard depth < options.maximumDepth else {
            throw failure("nesting deeper than \(options.maximumDepth) levels")
        }
        depth += 1
        defer { depth -= 1 }
        position += 1
        skipSpace()
        return try body(&self)
    }

    private mutating func parseArray() throws -> [JSON] {
        var elements: [JSON] = []
        if take(UInt8(ascii: "]")) { return elements }
        while true {
            elements.append(try parseValue())
            skipSpace()
            if take(UInt8(ascii: "]")) { return elements }
            guard take(UInt8(ascii: ",")) else { throw unexpected("\",\" or \"]\"") }
            skipSpace()
        }
    }

    private mutating func parseObject() throws -> JSON.Object {
        var object = JSON.Object()
        if take(UInt8(ascii: "}")) { return object }
        while true {
            let start = position
            guard peek() == UInt8(ascii: "\"") else { throw unexpected("a key in quotation marks") }
            let key = try parseString()
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw unexpected("\":\"") }
            skipSpace()
            let value = try parseValue()
            guard object.insertIfNew(key, value) else {
                position = start
                throw failure("the key \"\(key.prefix(60))\" appears twice in one object")
            }
            skipSpace()
            if take(UInt8(ascii: "}")) { return object }
            guard take(UInt8(ascii: ",")) else { throw unexpected("\",\" or \"}\"") }
            skipSpace()
        }
    }

    mutating func parseWord(_ word: StaticString, _ value: JSON) throws -> JSON {
        let count = word.utf8CodeUnitCount
        guard position + count <= bytes.count else { throw unexpected("\"\(word)\"") }
        for offset in 0..<count where bytes[position + offset] != word.utf8Start[offset] {
            throw unexpected("\"\(word)\"")
        }
        position += count
        return value
    }
}

extension Parser {
    func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func take(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            default: return
            }
        }
    }

    func unexpected(_ expected: String) -> JSONError { failure("expected \(expected), found \(found)") }

    /// An error at the current position.
    func failure(_ problem: String) -> JSONError {
        var line = 1
        var column = 1
        for byte in bytes[..<min(position, bytes.count)] {
            if byte == 0x0A {
                line += 1
                column = 1
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        return .syntax(source: source, line: line, column: column, problem: problem)
    }

    private var found: String {
        guard let byte = peek() else { return "the end of the text" }
        if bytes[position...].starts(with: [0xEF, 0xBB, 0xBF]) { return "a byte order mark" }
        let word = bytes[position...].prefix(12).prefix { isWordByte($0) }
        if !word.isEmpty { return "\"\(String(decoding: word, as: UTF8.self))\"" }
        if (0x21..<0x7F).contains(byte) { return "\"\(Character(Unicode.Scalar(byte)))\"" }
        return "the byte 0x\(String(byte, radix: 16, uppercase: true))"
    }

    private func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "+"):
            true
        default: false
        }
    }
}
