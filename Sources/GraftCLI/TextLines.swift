import Files
import Foundation

/// Lines of a text file.
enum TextLines {
    /// What can be wrong with a text.
    enum Failure: Error, Equatable, CustomStringConvertible {
        case tooLong(source: String)
        case notUTF8(source: String)
        case empty(source: String)

        var description: String {
            switch self {
            case .tooLong(let source): "\(source): more than \(TextLines.maximumBytes) bytes"
            case .notUTF8(let source): "\(source) is not a text in UTF-8"
            case .empty(let source): "\(source) holds no line of text"
            }
        }
    }

    static let maximumBytes = 256 << 20

    /// The lines of a file without those that are empty.
    static func read(_ url: URL) throws -> [String] {
        let file = try FileInput(url)
        let bytes = try file.read(at: 0, count: min(file.size, maximumBytes + 1))
        let lines = try text(Data(bytes), source: url.path).split(whereSeparator: \.isNewline).map(String.init)
        guard !lines.isEmpty else { throw Failure.empty(source: url.path) }
        return lines
    }

    /// A text in UTF-8.
    static func text(_ data: Data, source: String) throws -> String {
        guard data.count <= maximumBytes else { throw Failure.tooLong(source: source) }
        guard let text = String(validating: data, as: UTF8.self) else { throw Failure.notUTF8(source: source) }
        return text
    }
}
