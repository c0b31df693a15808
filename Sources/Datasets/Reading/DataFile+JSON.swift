import Foundation
import JSON

extension DataFile {
    func readJSON(_ body: (Record) throws -> Void) throws {
        let reader = try LineReader(url, maximumLineBytes: options.maximumRowBytes)
        var isFirst = true
        while let line = try reader.next() {
            guard let first = line.bytes.first(where: { !Self.isSpace($0) }) else { continue }
            if isFirst, first == UInt8(ascii: "[") { return try readArray(body) }
            isFirst = false
            let location = SourceLocation(file: reader.path, position: .line(line.number))
            try body(Record(location: location, fields: try object(line.bytes, at: location)))
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }

    private func object(_ bytes: [UInt8], at location: SourceLocation) throws -> JSON.Object {
        let value: JSON
        do {
            value = try JSON.parse(bytes)
        } catch JSONError.syntax(_, _, let column, let problem) {
            throw DatasetError.malformed(
                location, problem: "column \(column): \(problem); every line must hold one whole JSON object")
        }
        guard case .object(let fields) = value else {
            throw DatasetError.malformed(
                location, problem: "expected an object with the row's columns, found \(value.kind)")
        }
        return fields
    }

    private func readArray(_ body: (Record) throws -> Void) throws {
        let path = url.relativePath
        for (index, element) in try parseArray().enumerated() {
            let location = SourceLocation(file: path, position: .element(index + 1))
            guard case .object(let fields) = element else {
                throw DatasetError.malformed(
                    location, problem: "expected an object with the row's columns, found \(element.kind)")
            }
            try body(Record(location: location, fields: fields))
        }
    }

    private func parseArray() throws -> [JSON] {
        let path = url.relativePath
        var data = try bounded()
        if data.starts(with: FileSignature.byteOrderMark) { data = data.dropFirst(FileSignature.byteOrderMark.count) }
        do {
            guard case .array(let elements) = try JSON.parse(data) else { return [] }
            return elements
        } catch JSONError.syntax(_, let line, let column, let problem) {
            throw DatasetError.malformed(
                SourceLocation(file: path, position: .line(line)), problem: "column \(column): \(problem)")
        }
    }

    private func bounded() throws -> Data {
        let path = url.relativePath
        let data: Data
        do {
            let handle = try FileHandle(forReadingFrom: url)
            defer { try? handle.close() }
            data = try handle.read(upToCount: options.maximumArrayBytes + 1) ?? Data()
        } catch {
            throw DatasetError.unreadable(path: path, reason: "the file cannot be read")
        }
        guard data.count <= options.maximumArrayBytes else {
            throw DatasetError.unreadable(
                path: path,
                reason: "one JSON array of more than \(options.maximumArrayBytes) bytes; "
                    + "write it as JSON Lines, which is read row by row")
        }
        return data
    }
}
