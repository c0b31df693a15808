import Foundation
import JSON

extension DataFile {
    func readDelimited(by delimiter: UInt8, _ body: (Record) throws -> Void) throws {
        let lines = try LineReader(url, maximumLineBytes: options.maximumRowBytes)
        let reader = DelimitedReader(lines, delimiter: delimiter, quoting: options.quoting)
        guard let header = try reader.next() else { return }
        let columns = try Self.columns(header, path: lines.path)
        while let row = try reader.next() {
            let location = SourceLocation(file: lines.path, position: .line(row.line))
            guard row.fields.count == columns.count else {
                throw DatasetError.raggedRow(location, found: row.fields.count, expected: columns.count)
            }
            let fields = zip(columns, row.fields).map { (key: $0, value: JSON.string($1)) }
            try body(Record(location: location, fields: JSON.Object(fields)))
        }
    }

    /// The column names; nameless ones (pandas writes its index so) become `Unnamed: 0` and so on.
    private static func columns(_ header: DelimitedReader.Row, path: String) throws -> [String] {
        var seen: Set<[UInt8]> = []
        return try header.fields.enumerated().map { index, field in
            let name = field.isEmpty ? "Unnamed: \(index)" : field
            guard seen.insert(Array(name.utf8)).inserted else {
                throw DatasetError.duplicateColumn(
                    SourceLocation(file: path, position: .line(header.line)), name: name)
            }
            return name
        }
    }
}
