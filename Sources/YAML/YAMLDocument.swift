import Foundation
import JSON
import Support
import Yams

/// What can be wrong with a YAML text.
public enum YAMLError: Error, Equatable, CustomStringConvertible {
    /// The text is not YAML, or not the part of it that configurations use. Lines count from 1.
    case syntax(source: String, line: Int, column: Int, problem: String)

    /// One sentence: where, and what is wrong.
    public var description: String { shortened(message: sentence) }

    private var sentence: String {
        switch self {
        case .syntax(let source, let line, let column, let problem):
            "\(source): line \(line), column \(column): \(problem)"
        }
    }
}

/// Reads YAML as configurations need it: mappings, lists and the scalars of YAML 1.2's core schema, where `no` and `on`
/// are texts. Anchors, aliases, duplicate keys and types of other schemas are errors.
public struct YAMLDocument {
    /// Far beyond any configuration.
    private static let maximumBytes = 1 << 20
    private static let maximumDepth = 64

    private let source: String

    /// The value of a text.
    ///
    /// - Parameter source: what messages call it.
    /// - Throws: `YAMLError` with line and column.
    public static func value(of text: String, source: String) throws -> JSON {
        let document = YAMLDocument(source: source)
        guard text.utf8.count <= maximumBytes else {
            throw document.fault(1, 1, "the text has \(text.utf8.count) bytes, more than the limit of \(maximumBytes)")
        }
        if let place = YAMLReferences.first(in: text) {
            throw document.fault(
                place.line, place.column,
                "anchors and aliases (`&` and `*`) are not read: write the value out, or put it in quotes")
        }
        do {
            guard let root = try Parser(yaml: text).singleRoot() else { return .null }
            return try document.value(root, depth: 0)
        } catch let error as YamlError {
            throw document.fault(of: error)
        }
    }

    private func fault(_ line: Int, _ column: Int, _ problem: String) -> YAMLError {
        .syntax(source: source, line: line, column: column, problem: problem)
    }

    private func fault(_ mark: Mark?, _ problem: String) -> YAMLError {
        fault(mark?.line ?? 1, mark?.column ?? 1, problem)
    }

    private func fault(of error: YamlError) -> YAMLError {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            return fault(mark, [context?.text, problem].compactMap { $0 }.joined(separator: ": "))
        case .duplicatedKeysInMapping(let duplicates, let context):
            let keys = duplicates.map { "`\($0)`" }.joined(separator: ", ")
            return fault(context.mark, "duplicate key \(keys)")
        case .reader(let problem, _, _, _): return fault(1, 1, problem)
        default: return fault(1, 1, "the text cannot be read as YAML")
        }
    }
}

// MARK: Values

extension YAMLDocument {
    private func value(_ node: Yams.Node, depth: Int) throws -> JSON {
        guard depth < Self.maximumDepth else {
            throw fault(node.mark, "the value is nested more than \(Self.maximumDepth) levels deep")
        }
        switch node {
        case .scalar(let scalar): return try value(scalar)
        case .sequence(let sequence):
            return .array(try sequence.map { try value($0, depth: depth + 1) })
        case .mapping(let mapping):
            var object = JSON.Object()
            for (key, element) in mapping {
                guard case .scalar(let name) = key else { throw fault(key.mark, "a key must be a plain text") }
                object[name.string] = try value(element, depth: depth + 1)
            }
            return .object(object)
        case .alias: throw fault(node.mark, "aliases are not read")
        }
    }

    private func value(_ scalar: Yams.Node.Scalar) throws -> JSON {
        switch scalar.tag.rawValue {
        case "", "?": return scalar.style == .plain ? CoreScalar.value(of: scalar.string) : .string(scalar.string)
        case "!", "tag:yaml.org,2002:str": return .string(scalar.string)
        case let tag: throw fault(scalar.mark, "the type `\(tag)` is not read")
        }
    }
}

/// The scalars of YAML 1.2's core schema (section 10.3.2).
enum CoreScalar {
    /// The value of a plain scalar: null, a boolean, a number, else a text.
    static func value(of text: String) -> JSON {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        case ".nan", ".NaN", ".NAN": return .double(.nan)
        default: return number(text) ?? .string(text)
        }
    }

    private static func number(_ text: String) -> JSON? {
        if text.hasPrefix("0o") { return Int64(text.dropFirst(2), radix: 8).map(JSON.int) }
        if text.hasPrefix("0x") { return Int64(text.dropFirst(2), radix: 16).map(JSON.int) }
        let isNegative = text.hasPrefix("-")
        let digits = isNegative || text.hasPrefix("+") ? text.dropFirst() : Substring(text)
        if [".inf", ".Inf", ".INF"].contains(String(digits)) { return .double(isNegative ? -.infinity : .infinity) }
        guard let first = digits.utf8.first, isDigit(first) || first == UInt8(ascii: ".") else { return nil }
        if digits.utf8.allSatisfy(isDigit) {
            return Int64(text).map(JSON.int) ?? Double(text).map(JSON.double)
        }
        // What Swift reads beyond the schema: hexadecimal fractions, `infinity`, `nan`.
        let allowed = digits.utf8.allSatisfy { isDigit($0) || ".eE+-".utf8.contains($0) }
        return allowed ? Double(text).map(JSON.double) : nil
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
