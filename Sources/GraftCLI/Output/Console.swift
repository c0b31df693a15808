import Foundation

/// What can happen to the standard output.
enum ConsoleError: Error, Equatable, CustomStringConvertible {
    /// Whoever read it went away, as `head` does: no reason for words.
    case closed
    /// It could not be written: the disk is full, for instance.
    case unwritable(String)

    var description: String {
        switch self {
        case .closed: "the standard output is closed"
        case .unwritable(let reason): "the standard output cannot be written: \(reason)"
        }
    }
}

/// The standard output and error of the process.
enum Console {
    /// Writes a line to the standard output.
    static func print(_ line: String = "") throws {
        try write(line + "\n")
    }

    /// Writes text to the standard output at once, without a newline.
    static func write(_ text: String) throws {
        let code = put(text, to: STDOUT_FILENO)
        if code == EPIPE { throw ConsoleError.closed }
        if code != 0 { throw ConsoleError.unwritable(String(cString: strerror(code))) }
    }

    /// Writes a line to the standard error. If that cannot be written there is nobody to tell.
    static func complain(_ line: String, terminator: String = "\n") {
        _ = put(line + terminator, to: STDERR_FILENO)
    }

    /// - Returns: 0, or the system's code of the error.
    private static func put(_ text: String, to descriptor: Int32) -> Int32 {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if written > 0 {
                rest = rest.dropFirst(written)
            } else if errno != EINTR {
                return errno
            }
        }
        return 0
    }
}

extension String {
    /// The text with control characters escaped, so that names from files cannot move the cursor or break lines.
    var oneLine: String {
        guard unicodeScalars.contains(where: \.isControl) else { return self }
        return unicodeScalars.reduce(into: "") { result, scalar in
            if scalar.isControl {
                result += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
    }
}

extension Unicode.Scalar {
    /// Control and format characters, which terminals act on.
    fileprivate var isControl: Bool {
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        // The marks that reorder what stands around them.
        case .format: (0x202A...0x202E).contains(value) || (0x2066...0x2069).contains(value)
        default: false
        }
    }
}
