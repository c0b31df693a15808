import Foundation

extension JSON {
    /// A value together with the place it came from, so that errors name the place.
    ///
    /// ```swift
    /// let config = try JSON.Node(contentsOf: folder.appending(path: "config.json"))
    /// let width = try config.field("hidden_size").int()
    /// let factor = try config.optional("rope_scaling")?.field("factor").double()
    /// // config.json: rope_scaling.factor: expected a number, found a string
    /// ```
    public struct Node: Sendable {
        /// The value itself.
        public let value: JSON
        private let place: Place

        /// The root of a document that messages call `source`.
        public init(_ value: JSON, source: String = "") {
            self.value = value
            place = .root(source)
        }

        /// Reads a file that holds one JSON value; messages name it by its last path component.
        public init(
            contentsOf file: URL, maximumBytes: Int = JSON.maximumFileBytes, options: ParseOptions = ParseOptions()
        ) throws {
            self.init(
                try JSON.parse(contentsOf: file, maximumBytes: maximumBytes, options: options),
                source: file.lastPathComponent)
        }

        private init(_ value: JSON, _ place: Place) {
            self.value = value
            self.place = place
        }
    }
}

extension JSON.Node {
    /// The way from the root, kept as links so that walking a long array costs nothing until an error needs it.
    private indirect enum Place: Sendable {
        case root(String)
        case member(Place, String)
        case element(Place, Int)
    }

    /// The place as messages show it: `config.json: layers[3].size`.
    public var path: String {
        var steps = ""
        var place = place
        while true {
            switch place {
            case .root(let source):
                let inner = steps.hasPrefix(".") ? String(steps.dropFirst()) : steps
                return source.isEmpty || inner.isEmpty ? source + inner : "\(source): \(inner)"
            case .member(let parent, let key):
                steps = ".\(key)\(steps)"
                place = parent
            case .element(let parent, let index):
                steps = "[\(index)]\(steps)"
                place = parent
            }
        }
    }

    /// An error that says what should be here.
    ///
    /// - Parameter found: what is here instead; by default the kind of the value.
    public func mismatch(_ expected: String, found: String? = nil) -> JSONError {
        .mismatch(path: path, expected: expected, found: found ?? value.kind)
    }

    /// Whether the value is `null`.
    public var isNull: Bool { if case .null = value { true } else { false } }

    /// The object here.
    public func object() throws -> JSON.Object {
        guard case .object(let object) = value else { throw mismatch("an object") }
        return object
    }

    /// The value of a key that must be present; it may be `null`.
    public func field(_ key: String) throws -> JSON.Node {
        guard let value = try object()[key] else { throw JSONError.missing(path: path, key: key) }
        return JSON.Node(value, .member(place, key))
    }

    /// The value of a key, or nil where it is absent or `null`.
    public func optional(_ key: String) throws -> JSON.Node? {
        guard let value = try object()[key] else { return nil }
        if case .null = value { return nil }
        return JSON.Node(value, .member(place, key))
    }

    /// The members of the object here, in order.
    public func members() throws -> [(key: String, node: JSON.Node)] {
        try object().members.map { ($0.key, JSON.Node($0.value, .member(place, $0.key))) }
    }

    /// The elements of the array here.
    public func elements() throws -> [JSON.Node] {
        guard case .array(let elements) = value else { throw mismatch("an array") }
        return elements.enumerated().map { JSON.Node($0.element, .element(place, $0.offset)) }
    }

    /// The string here.
    public func string() throws -> String {
        guard case .string(let text) = value else { throw mismatch("a string") }
        return text
    }

    /// The boolean here.
    public func bool() throws -> Bool {
        guard case .bool(let flag) = value else { throw mismatch("a boolean") }
        return flag
    }

    /// The integer here; a number with fraction or exponent is not one.
    public func int() throws -> Int {
        switch value {
        case .int(let number):
            guard let number = Int(exactly: number) else { throw mismatch("an integer that fits") }
            return number
        case .double(let number): throw mismatch("an integer of at most 64 bits", found: "\(number)")
        default: throw mismatch("an integer")
        }
    }

    /// The integer here, which must lie in `range`.
    public func int(in range: ClosedRange<Int>) throws -> Int {
        let number = try int()
        guard range.contains(number) else {
            throw mismatch("an integer from \(range.lowerBound) to \(range.upperBound)", found: "\(number)")
        }
        return number
    }

    /// The number here.
    public func double() throws -> Double {
        switch value {
        case .int(let number): return Double(number)
        case .double(let number): return number
        default: throw mismatch("a number")
        }
    }

    /// The strings of the array here.
    public func strings() throws -> [String] { try elements().map { try $0.string() } }

    /// The integers of the array here.
    public func ints() throws -> [Int] { try elements().map { try $0.int() } }
}
