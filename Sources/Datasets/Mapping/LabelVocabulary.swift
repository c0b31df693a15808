/// The classes of a classification in the order of their indices.
public struct LabelVocabulary: Sendable, Equatable {
    /// The class names; the index of a name is its class.
    public let names: [String]
    private let indices: [[UInt8]: Int]
    private let hasNumericNames: Bool

    /// Takes classes as a model's configuration or the user lists them.
    ///
    /// - Throws: `DatasetError.invalidOption` where there are fewer than two, or two are the same.
    public init(names: [String]) throws(DatasetError) {
        var indices: [[UInt8]: Int] = [:]
        for (index, name) in names.enumerated() {
            guard indices.updateValue(index, forKey: Array(name.utf8)) == nil else {
                throw .invalidOption(name: "label_names", value: "\"\(name)\" twice", allowed: "a list of unique names")
            }
        }
        guard names.count >= 2 else {
            throw .invalidOption(
                name: "label_names", value: "a list of \(names.count)", allowed: "a list of at least two names")
        }
        self.names = names
        self.indices = indices
        hasNumericNames = names.contains { decimalNumber($0) != nil }
    }

    /// The number of classes.
    public var count: Int { names.count }

    /// The class of a label: the index of its name. An integer that is no name is the index itself, unless some name
    /// is a number too: then it cannot be told which is meant.
    ///
    /// - Throws: `DatasetError.unknownLabel`, `.labelOutOfRange` or `.fractionalLabel`.
    public func index(of label: RawLabel, at location: SourceLocation) throws(DatasetError) -> Int {
        if let index = indices[Array(label.text.utf8)] { return index }
        guard let value = label.integerValue else {
            if case .number = label { throw .fractionalLabel(location, label: label.text) }
            throw .unknownLabel(location, label: label.text, known: names)
        }
        if let index = indices[Array(String(value).utf8)] { return index }
        if hasNumericNames, names != names.indices.map(String.init) {
            throw .unknownLabel(location, label: label.text, known: names)
        }
        guard names.indices.contains(value) else { throw .labelOutOfRange(location, label: value, count: count) }
        return value
    }

    /// Two vocabularies are equal where the bytes of all names are.
    public static func == (left: Self, right: Self) -> Bool {
        left.names.elementsEqual(right.names) { $0.utf8.elementsEqual($1.utf8) }
    }
}

extension LabelVocabulary {
    /// Finds the classes of a training set.
    ///
    /// Labels that are all whole numbers are the class indices themselves and must be `0..<count`; names are sorted by
    /// their UTF-8 bytes.
    ///
    /// - Parameter count: the number of classes (`num_labels`) where it is known.
    /// - Throws: `DatasetError.oneLabelOnly`, `.labelGap`, `.labelOutOfRange`, `.labelCount` or `.fractionalLabel`.
    public init(learnedFrom samples: [Sample], count: Int? = nil) throws(DatasetError) {
        if let count, !(2...Self.maximumCount).contains(count) {
            throw .invalidOption(
                name: "num_labels", value: String(count), allowed: "from 2 to \(Self.maximumCount) for classification")
        }
        let labels = Self.distinctLabels(of: samples)
        if labels.isEmpty {
            throw .invalidOption(name: "label_column", value: "not read", allowed: "set to find the classes")
        }
        try Self.requireSeveral(labels.map(\.label.text), examples: samples.count)
        if labels.allSatisfy({ $0.label.numericValue != nil }) {
            try self.init(numbers: labels, count: count, examples: samples.count)
            return
        }
        let names = labels.map(\.label.text).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        if let count, count != names.count { throw .labelCount(found: names.count, expected: count) }
        try self.init(names: names)
    }

    private typealias PlacedLabel = (label: RawLabel, location: SourceLocation)

    private static var maximumCount: Int { 1_000_000 }

    /// The labels that differ in their text, each with its first place.
    private static func distinctLabels(of samples: [Sample]) -> [PlacedLabel] {
        var seen: Set<[UInt8]> = []
        return samples.compactMap { sample in
            guard let label = sample.label, seen.insert(Array(label.text.utf8)).inserted else { return nil }
            return (label, sample.location)
        }
    }

    private init(numbers labels: [PlacedLabel], count: Int?, examples: Int) throws(DatasetError) {
        var values: Set<Int> = []
        for (label, location) in labels {
            guard let value = label.integerValue else { throw .fractionalLabel(location, label: label.text) }
            guard value >= 0, value < count ?? .max else {
                throw .labelOutOfRange(location, label: value, count: count ?? labels.count)
            }
            values.insert(value)
        }
        try Self.requireSeveral(values.map(String.init), examples: examples)
        let largest = values.max() ?? 0
        if count == nil, let gap = (0...largest).first(where: { !values.contains($0) }) {
            throw .labelGap(missing: gap, largest: largest)
        }
        try self.init(names: (0..<(count ?? largest + 1)).map(String.init))
    }

    /// Checks that a training set has at least two of the classes.
    ///
    /// - Throws: `DatasetError.oneLabelOnly`, or as `index(of:at:)`.
    public func requireSeveral(in samples: [Sample]) throws(DatasetError) {
        var seen: Set<Int> = []
        for sample in samples {
            guard let label = sample.label else { continue }
            seen.insert(try index(of: label, at: sample.location))
            if seen.count > 1 { return }
        }
        try Self.requireSeveral(seen.map { names[$0] }, examples: samples.count)
    }

    private static func requireSeveral(_ labels: some Collection<String>, examples: Int) throws(DatasetError) {
        if let label = labels.first, labels.count == 1 { throw .oneLabelOnly(label: label, examples: examples) }
    }
}
