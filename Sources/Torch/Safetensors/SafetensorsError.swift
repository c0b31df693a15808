/// What was wrong with a safetensors file, or with what should become one.
public enum SafetensorsError: Error, Equatable, Sendable {
    /// The frame of the file or its header as a whole.
    case header(file: String, problem: String)
    /// The entry of one tensor.
    case tensor(file: String, name: String, problem: String)
    /// The file has no such tensor; `nearest` is the name that is most like it.
    case missing(file: String, name: String, nearest: String?)
    /// A type of elements that can be listed but not read.
    case unsupported(file: String, name: String, dtype: SafetensorsDType)
    /// Tensors that cannot be written as one file.
    case unwritable(name: String, problem: String)
}

extension SafetensorsError: CustomStringConvertible {
    /// One sentence: the file, the tensor, what is wrong.
    public var description: String {
        switch self {
        case .header(let file, let problem):
            "\(file) is not a valid safetensors file: \(problem)"
        case .tensor(let file, let name, let problem):
            "\(file) is not a valid safetensors file: the tensor \(quoted(name)) \(problem)"
        case .missing(let file, let name, let nearest):
            "\(file) has no tensor \(quoted(name))\(suggestion(nearest))"
        case .unsupported(let file, let name, let dtype):
            "\(file): the tensor \(quoted(name)) has the element type \(dtype.rawValue), which Graft does not read; "
                + "convert it to one of BOOL, U8, I8, I16, I32, I64, F16, BF16, F32, F64"
        case .unwritable(let name, let problem):
            "the tensor \(quoted(name)) cannot be written: \(problem)"
        }
    }
}

/// Text from outside as messages show it: bounded, and without control characters that a terminal would obey.
func printable(_ text: String, limit: Int = 300) -> String {
    var result = ""
    for scalar in text.unicodeScalars.prefix(limit) {
        if scalar.properties.generalCategory == .control {
            result += "\\u{\(String(scalar.value, radix: 16))}"
        } else {
            result.unicodeScalars.append(scalar)
        }
    }
    return text.unicodeScalars.dropFirst(limit).isEmpty ? result : result + "…"
}

/// A name from outside in quotation marks, as `printable(_:limit:)` shows it.
func quoted(_ name: String) -> String { "\"\(printable(name, limit: 160))\"" }

/// The end of a sentence about a missing name.
func suggestion(_ nearest: String?) -> String {
    nearest.map { "; did you mean \(quoted($0))?" } ?? ""
}
