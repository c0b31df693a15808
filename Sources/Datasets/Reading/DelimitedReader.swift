import Foundation

/// Reads rows of separated fields after RFC 4180: fields in quotation marks may hold delimiters, line breaks and doubled
/// quotation marks.
///
/// A quotation mark inside an unquoted field is text, as Python's `csv` takes it. Empty lines are skipped.
///
/// This is our own because SwiftCSV 0.10 holds the whole text in memory, fills short rows and drops extra fields
/// without a word, strips blanks that RFC 4180 keeps, and names no line in its errors.
struct DelimitedReader {
    /// One row with the number of its first line.
    struct Row {
        let line: Int
        let fields: [String]
    }

    private let reader: LineReader
    private let delimiter: UInt8
    private let quoting: Bool

    private static let quote = UInt8(ascii: "\"")
    /// As many as the widest spreadsheets have; a row of separators alone would take a hundred times its length.
    private static let maximumFields = 16_384

    init(_ reader: LineReader, delimiter: UInt8, quoting: Bool) {
        self.reader = reader
        self.delimiter = delimiter
        self.quoting = quoting
    }

    /// The next row, or nil at the end of the file.
    func next() throws -> Row? {
        guard var cursor = try firstLine().map(Cursor.init) else { return nil }
        let start = cursor.line.number
        var fields: [String] = []
        var size = 0
        repeat {
            let isQuoted = quoting && cursor.byte == Self.quote
            let field = try isQuoted ? quotedField(&cursor, size: &size) : plainField(&cursor)
            guard fields.count < Self.maximumFields else {
                throw malformed(start, "a row has more than \(Self.maximumFields) fields")
            }
            fields.append(String(decoding: field, as: UTF8.self))
        } while cursor.take(delimiter)
        return Row(line: start, fields: fields)
    }

    /// A place inside the current line.
    private struct Cursor {
        var line: LineReader.Line
        var index = 0

        init(_ line: LineReader.Line) { self.line = line }

        var byte: UInt8? { index < line.bytes.count ? line.bytes[index] : nil }

        mutating func take(_ byte: UInt8) -> Bool {
            guard self.byte == byte else { return false }
            index += 1
            return true
        }
    }

    private func firstLine() throws -> LineReader.Line? {
        while let line = try reader.next() {
            if !line.bytes.isEmpty { return line }
        }
        return nil
    }

    private func plainField(_ cursor: inout Cursor) throws -> ArraySlice<UInt8> {
        let rest = cursor.line.bytes[cursor.index...]
        let end = rest.firstIndex(of: delimiter) ?? rest.endIndex
        let field = rest[..<end]
        if field.contains(0x0D) {
            throw malformed(
                cursor.line.number,
                "a carriage return stands alone in an unquoted field; end lines with LF or CRLF, or quote the field")
        }
        cursor.index = end
        return field
    }

    private func quotedField(_ cursor: inout Cursor, size: inout Int) throws -> ArraySlice<UInt8> {
        let opening = cursor.line.number
        var field: ArraySlice<UInt8> = []
        cursor.index += 1
        while true {
            let rest = cursor.line.bytes[cursor.index...]
            guard let mark = rest.firstIndex(of: Self.quote) else {
                field += rest
                field += cursor.line.terminator
                size += cursor.line.bytes.count + cursor.line.terminator.count
                try advance(&cursor, opening: opening, size: size)
                continue
            }
            field += rest[..<mark]
            cursor.index = mark + 1
            guard cursor.take(Self.quote) else { break }
            field.append(Self.quote)
        }
        if let byte = cursor.byte, byte != delimiter {
            throw malformed(
                cursor.line.number,
                "text follows a closing quotation mark; double the quotation marks inside a quoted field, "
                    + "or turn quoting off where they are plain text")
        }
        return field
    }

    private func advance(_ cursor: inout Cursor, opening: Int, size: Int) throws {
        guard size <= reader.maximumLineBytes else {
            throw DatasetError.lineTooLong(
                SourceLocation(file: reader.path, position: .line(opening)), limit: reader.maximumLineBytes)
        }
        guard let line = try reader.next() else {
            throw malformed(opening, "the quotation mark that opens a field here is never closed")
        }
        cursor = Cursor(line)
    }

    private func malformed(_ line: Int, _ problem: String) -> DatasetError {
        .malformed(SourceLocation(file: reader.path, position: .line(line)), problem: problem)
    }
}
