import JSON

/// One row of a data file: named values and the place they came from.
public struct Record: Sendable {
    /// Where the row begins.
    public let location: SourceLocation
    /// The values by column, in the file's order. Delimited and plain files give strings only.
    public let fields: JSON.Object

    /// Makes a row.
    public init(location: SourceLocation, fields: JSON.Object) {
        self.location = location
        self.fields = fields
    }

    /// The value of a column, which may be `null`.
    ///
    /// - Throws: `DatasetError.missingColumn` with the nearest name.
    func value(_ column: String) throws(DatasetError) -> JSON {
        guard let value = fields[column] else {
            throw .missingColumn(location, name: column, available: fields.keys)
        }
        return value
    }

    /// The whole number from 0 of a column, which files without types hold as text.
    ///
    /// - Throws: `DatasetError.missingColumn` or `.wrongType`.
    func index(_ column: String) throws(DatasetError) -> Int {
        let value = try value(column)
        let number: Int? =
            switch value {
            case .int(let number): Int(exactly: number)
            case .string(let text): Int(text)
            default: nil
            }
        guard let number, number >= 0 else {
            throw .wrongType(location, column: column, expected: "a whole number from 0", found: value.kind)
        }
        return number
    }

    /// The text of a column.
    ///
    /// - Parameter allowsEmpty: whether a text without any visible character will do.
    /// - Throws: `DatasetError.missingColumn`, `.emptyValue` or `.wrongType`.
    func text(_ column: String, allowsEmpty: Bool = false) throws(DatasetError) -> String {
        switch try value(column) {
        case .null: throw .emptyValue(location, column: column, found: "null")
        case .string(let text):
            if !allowsEmpty, text.unicodeScalars.allSatisfy(\.properties.isWhitespace) {
                throw .emptyValue(location, column: column, found: text.isEmpty ? "empty" : "blank")
            }
            return text
        case let other: throw .wrongType(location, column: column, expected: "a string", found: other.kind)
        }
    }
}
