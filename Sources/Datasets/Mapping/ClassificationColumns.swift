/// The columns of a classification or regression file. A column without a name is found by the customary names.
public struct ClassificationColumns: Sendable, Equatable {
    /// The column of the text (`text_column`).
    public var text: String?
    /// The column of a second text (`text_pair_column`).
    public var textPair: String?
    /// The column of the label (`label_column`).
    public var label: String?
    /// Whether labels are read at all; without, a file for prediction needs none.
    public var readsLabels: Bool

    /// Names columns; nil finds them.
    public init(text: String? = nil, textPair: String? = nil, label: String? = nil, readsLabels: Bool = true) {
        self.text = text
        self.textPair = textPair
        self.label = label
        self.readsLabels = readsLabels
    }

    static let textNames = ["text", "sentence", "content"]
    static let labelNames = ["label", "labels", "category", "class"]
    /// Pairs go before single texts: the `sentence` of a question is not the text alone.
    static let pairNames = [
        ("text", "text_pair"), ("sentence1", "sentence2"), ("premise", "hypothesis"), ("question1", "question2"),
        ("question", "sentence"), ("question", "passage"), ("question", "context"), ("question", "answer"),
        ("text1", "text2"), ("text_a", "text_b"), ("query", "passage"), ("query", "document"),
    ]

    /// Chooses the columns by the names of a row.
    ///
    /// - Throws: `DatasetError.undetectedColumn`, or `.missingColumn` for a column that was named.
    func mapping(for record: Record) throws(DatasetError) -> ClassificationMapping {
        let (text, pair) = try textColumns(of: record)
        return ClassificationMapping(text: text, textPair: pair, label: try labelColumn(of: record))
    }

    private func textColumns(of record: Record) throws(DatasetError) -> (String, String?) {
        for name in [text, textPair] {
            if let name { _ = try record.value(name) }
        }
        if let text { return (text, textPair) }
        if textPair == nil {
            let pair = Self.pairNames.first { record.fields[$0.0] != nil && record.fields[$0.1] != nil }
            if let pair { return pair }
        }
        let candidates = Self.textNames.filter { $0 != textPair }
        return (try Self.detect("text", candidates, in: record), textPair)
    }

    private func labelColumn(of record: Record) throws(DatasetError) -> String? {
        guard readsLabels else { return nil }
        guard let label else { return try Self.detect("label", Self.labelNames, in: record) }
        _ = try record.value(label)
        return label
    }

    static func detect(_ role: String, _ names: [String], in record: Record) throws(DatasetError) -> String {
        if let name = names.first(where: { record.fields[$0] != nil }) { return name }
        throw .undetectedColumn(record.location, role: role, tried: names, available: record.fields.keys)
    }
}

/// Rows with a text or a pair of texts, and a label.
struct ClassificationMapping: RowMapping, Equatable {
    let text: String
    let textPair: String?
    let label: String?

    func sample(from record: Record) throws -> Sample {
        let first = try record.text(text)
        let second = try textPair.map { name in try record.text(name) }
        let label = try self.label.map { name in try RawLabel(record, column: name) }
        return Sample(location: record.location, content: .text(first, pair: second), label: label)
    }
}
