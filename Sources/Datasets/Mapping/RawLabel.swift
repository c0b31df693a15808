import JSON

/// A label as a data file states it, before classes are numbered.
public enum RawLabel: Sendable, Hashable {
    /// A name, or a number that a delimited file wrote as text.
    case text(String)
    /// An integer of a JSON file.
    case integer(Int)
    /// A number with a fraction.
    case number(Double)

    /// Reads a label from a column's value; JSON's booleans become the names `false` and `true`, whole numbers such as
    /// `1.0` become integers.
    ///
    /// - Throws: `DatasetError.missingColumn`, `.emptyValue` or `.wrongType`.
    init(_ record: Record, column: String) throws(DatasetError) {
        switch try record.value(column) {
        case .null: throw .emptyValue(record.location, column: column, found: "null")
        case .string(let text):
            guard text.unicodeScalars.contains(where: { !$0.properties.isWhitespace }) else {
                throw .emptyValue(record.location, column: column, found: text.isEmpty ? "empty" : "blank")
            }
            self = .text(text)
        case .bool(let flag): self = .text(flag ? "true" : "false")
        case .int(let value): self = .integer(Int(value))
        case .double(let value): self = Int(exactly: value).map(RawLabel.integer) ?? .number(value)
        case let other:
            throw .wrongType(record.location, column: column, expected: "a string or a number", found: other.kind)
        }
    }

    /// The label as messages and class names show it.
    public var text: String {
        switch self {
        case .text(let text): text
        case .integer(let value): String(value)
        case .number(let value): String(value)
        }
    }

    /// The number that the label states, also where it is written as text; nil for names.
    var numericValue: Double? {
        switch self {
        case .text(let text): decimalNumber(text)
        case .integer(let value): Double(value)
        case .number(let value): value.isFinite ? value : nil
        }
    }

    /// The whole number that the label states, also where it is written as text; nil for all else.
    var integerValue: Int? {
        if case .integer(let value) = self { return value }
        return numericValue.flatMap(Int.init(exactly:))
    }
}

/// Reads a plain decimal number: `-1`, `0.5`, `2e-3`. Swift's own conversion also takes hexadecimal, `nan` and `inf`.
func decimalNumber(_ text: String) -> Double? {
    let isPlain = text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "+"),
            UInt8(ascii: "e"), UInt8(ascii: "E"):
            true
        default: false
        }
    }
    guard isPlain, let value = Double(text), value.isFinite else { return nil }
    return value
}
