/// Everything that can be wrong with data files, their columns, their labels and the options that read them.
public enum DatasetError: Error, Equatable, Sendable {
    // Files
    case unreadable(path: String, reason: String)
    case unknownFileFormat(path: String)
    case notText(SourceLocation, reason: String)
    case lineTooLong(SourceLocation, limit: Int)
    case malformed(SourceLocation, problem: String)
    case raggedRow(SourceLocation, found: Int, expected: Int)
    case duplicateColumn(SourceLocation, name: String)
    case noRows(path: String)

    // Columns
    case missingColumn(SourceLocation, name: String, available: [String])
    case undetectedColumn(SourceLocation, role: String, tried: [String], available: [String])
    case ambiguousFormat(SourceLocation, formats: [String])
    case wrongType(SourceLocation, column: String, expected: String, found: String)
    case emptyValue(SourceLocation, column: String, found: String)
    case conversation(SourceLocation, problem: String)

    // Labels
    case oneLabelOnly(label: String, examples: Int)
    case unknownLabel(SourceLocation, label: String, known: [String])
    case labelOutOfRange(SourceLocation, label: Int, count: Int)
    case labelGap(missing: Int, largest: Int)
    case labelCount(found: Int, expected: Int)
    case fractionalLabel(SourceLocation, label: String)
    case notANumber(SourceLocation, label: String)

    // Encoding
    case encoding(SourceLocation, reason: String)
    case tooLong(SourceLocation, tokens: Int, limit: Int)
    case noRoom(SourceLocation, limit: Int, specialTokens: Int)
    case unknownToken(SourceLocation, id: Int, vocabularySize: Int)
    case nothingLabelled(examples: Int)

    // Options and batches
    case invalidOption(name: String, value: String, allowed: String)
    case emptySplit(part: String, share: Double, rows: Int)
    case mixedTargets
}
