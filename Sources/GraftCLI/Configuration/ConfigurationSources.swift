import Files
import Foundation
import JSON
import Methods
import Training
import YAML

/// A training's configuration put together from a file, from options and from `--set`; later sources win.
struct ConfigurationSources {
    /// What can be wrong with a source.
    enum Failure: Error, Equatable, CustomStringConvertible {
        case notAnObject(source: String, found: String)
        case notUTF8(path: String)
        case sameKey(source: String, first: String, second: String)
        case assignment(String)
        case nesting(key: String, parent: String)

        var description: String {
            switch self {
            case .notAnObject(let source, let found):
                "\(source): expected keys with values, found \(found)"
            case .notUTF8(let path):
                "\(path) is not a text in UTF-8"
            case .sameKey(let source, let first, let second):
                "\(source): `\(first)` and `\(second)` are two names of one key: keep one"
            case .assignment(let text):
                "--set `\(text)`: write key=value"
            case .nesting(let key, let parent):
                "--set \(key): `\(parent)` has no keys of its own; only `method` has"
            }
        }
    }

    private(set) var object = JSON.Object()
    private(set) var source = "command line"

    /// Takes the keys of a YAML or JSON file.
    mutating func add(file url: URL) throws {
        source = url.lastPathComponent
        let file = try FileInput(url)
        // One byte beyond the limit is enough to find that it is exceeded.
        let bytes = try file.read(at: 0, count: min(file.size, (1 << 20) + 1))
        guard let text = String(validating: bytes, as: UTF8.self) else { throw Failure.notUTF8(path: url.path) }
        let value =
            url.pathExtension == "json"
            ? try JSON.parse(text, source: source) : try YAMLDocument.value(of: text, source: source)
        guard case .object(let members) = value else {
            throw Failure.notAnObject(source: source, found: value.isNull ? "nothing" : value.kind)
        }
        var written: [String: String] = [:]
        for (key, value) in members {
            let canonical = TrainingConfiguration.canonicalKey(key)
            if let other = written.updateValue(key, forKey: canonical) {
                throw Failure.sameKey(source: source, first: other, second: key)
            }
            object[canonical] = value
        }
    }

    /// Takes `key=value`; the value is read as in a file.
    mutating func add(assignment text: String) throws {
        guard let equals = text.firstIndex(of: "="), equals != text.startIndex else { throw Failure.assignment(text) }
        let key = text[..<equals].trimmingCharacters(in: .whitespaces)
        try set(key, to: YAMLDocument.value(of: String(text[text.index(after: equals)...]), source: "--set \(key)"))
    }

    /// Sets a key. `method.r` and, where no other group has the key, plain `r` are options of the method.
    mutating func set(_ key: String, to value: JSON) throws {
        let parts = key.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        if parts.count == 2 {
            guard parts[0] == "method" else { throw Failure.nesting(key: key, parent: parts[0]) }
            setMethodOption(methodOption(parts[1]), to: value)
            return
        }
        let key = TrainingConfiguration.canonicalKey(key)
        if key == "method" {
            setMethod(value)
        } else if TrainingConfiguration.keys.contains(key) {
            object[key] = value
        } else {
            setMethodOption(key, to: value)
        }
    }

    /// The name of a method's option that may be written otherwise, unless the method has an option of the very name.
    private func methodOption(_ written: String) -> String {
        guard case .object(let options)? = object["method"], case .string(let name)? = options["name"],
            let type = try? MethodRegistry.method(named: name),
            let names = try? MethodConfiguration.optionNames(of: type), names.contains(written)
        else { return TrainingConfiguration.canonicalKey(written) }
        return written
    }

    /// An option stands once: below `method` where that has keys, beside the others where it is only a name.
    private mutating func setMethodOption(_ key: String, to value: JSON) {
        object[key] = nil
        guard case .object(var options)? = object["method"] else {
            object[key] = value
            return
        }
        options[key] = value
        object["method"] = .object(options)
    }

    /// Another method's options would mean nothing to this one; those of the same stay.
    private mutating func setMethod(_ value: JSON) {
        if case .object(let options)? = object["method"], options["name"] == value { return }
        object["method"] = value
    }

    /// Whether several adapters are to be trained in one run.
    var areSeveral: Bool { object[SideBySideConfiguration.key] != nil }

    /// The configuration of several adapters, checked.
    func sideBySide() throws -> SideBySideConfiguration {
        try SideBySideConfiguration(JSON.Node(.object(object), source: source))
    }

    /// The configuration, checked.
    func configuration() throws -> TrainingConfiguration {
        guard !areSeveral else {
            throw TrainingError.option(
                "\(SideBySideConfiguration.key): only `graft train` takes several adapters in one configuration")
        }
        return try TrainingConfiguration(JSON.Node(.object(object), source: source))
    }
}

extension JSON {
    fileprivate var isNull: Bool { self == .null }
}
