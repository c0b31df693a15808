/// What a classification's labels mean to the model.
public enum LabelSpace: Sendable, Equatable {
    /// One of several classes.
    case classes(LabelVocabulary)
    /// A number (`num_labels` 1).
    case regression

    /// The target that a label states.
    ///
    /// - Throws: a `DatasetError` with the place of the label.
    func target(of label: RawLabel, at location: SourceLocation) throws(DatasetError) -> Target {
        switch self {
        case .classes(let vocabulary): return .classIndex(Int32(try vocabulary.index(of: label, at: location)))
        case .regression:
            guard let value = label.numericValue.map(Float.init), value.isFinite else {
                throw .notANumber(location, label: label.text)
            }
            return .value(value)
        }
    }
}
