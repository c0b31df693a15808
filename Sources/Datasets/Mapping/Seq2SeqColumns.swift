/// The columns of a file of sources and targets: what is read, and what is to be written.
public struct Seq2SeqColumns: Sendable {
    /// The column of the source; nil goes by the columns that are there.
    public var source: String?
    /// The column of the target; nil goes by the columns that are there.
    public var target: String?
    /// Whether rows have targets; where they are only to be answered, they need none.
    public var readsTargets: Bool

    /// By default the columns have names that files of this kind are known to have.
    public init(source: String? = nil, target: String? = nil, readsTargets: Bool = true) {
        (self.source, self.target, self.readsTargets) = (source, target, readsTargets)
    }

    static let sourceNames = ["input", "text", "source", "document", "article", "dialogue"]
    static let targetNames = ["target", "summary", "highlights", "output"]

    /// Chooses the columns by the names of a row.
    ///
    /// - Throws: `DatasetError.undetectedColumn`, or `.missingColumn` for a column that was named.
    func mapping(for record: Record) throws(DatasetError) -> Seq2SeqMapping {
        let source = try column(self.source, "source", Self.sourceNames.filter { $0 != self.target }, of: record)
        guard readsTargets else { return Seq2SeqMapping(source: source, target: nil) }
        let target = try column(self.target, "target", Self.targetNames.filter { $0 != source }, of: record)
        return Seq2SeqMapping(source: source, target: target)
    }

    private func column(
        _ named: String?, _ role: String, _ candidates: [String], of record: Record
    ) throws(DatasetError) -> String {
        guard let named else { return try ClassificationColumns.detect(role, candidates, in: record) }
        _ = try record.value(named)
        return named
    }
}

/// Rows of a source and, unless they are only to be answered, a target.
struct Seq2SeqMapping: RowMapping, Equatable {
    let source: String
    let target: String?

    func sample(from record: Record) throws -> Sample {
        let text = try record.text(source)
        let content: Sample.Content =
            try target.map { .completion(prompt: text, completion: try record.text($0)) } ?? .text(text, pair: nil)
        return Sample(location: record.location, content: content)
    }
}
