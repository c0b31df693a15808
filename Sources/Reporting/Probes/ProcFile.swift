import Foundation

/// The kernel's text files under `/proc` and `/sys`.
enum ProcFile {
    /// The file's text, at most 4 MiB of it; empty where it cannot be read.
    static func read(_ path: String) -> String {
        guard let handle = FileHandle(forReadingAtPath: path) else { return "" }
        var bytes = Data()
        while bytes.count < 4 << 20, let chunk = try? handle.read(upToCount: 1 << 16), !chunk.isEmpty {
            bytes.append(chunk)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The fields of lines such as `VmRSS:  1234 kB`, in bytes; lines of another form are passed over.
    static func kibibytes(_ text: String) -> [String: Int] {
        var fields: [String: Int] = [:]
        for line in text.split(separator: "\n") {
            guard let (name, value) = field(line) else { continue }
            let words = value.split(separator: " ")
            guard words.count == 2, words[1] == "kB", let amount = Int(words[0]) else { continue }
            let (bytes, overflow) = amount.multipliedReportingOverflow(by: 1024)
            if amount >= 0, !overflow { fields[String(name)] = bytes }
        }
        return fields
    }

    /// The name and the value of a line such as `model name : X`, without the white space around them.
    static func field(_ line: Substring) -> (name: Substring, value: Substring)? {
        guard let colon = line.firstIndex(of: ":") else { return nil }
        return (trim(line[..<colon]), trim(line[line.index(after: colon)...]))
    }

    private static func trim(_ text: Substring) -> Substring {
        var text = text.drop { $0.isWhitespace }
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}
