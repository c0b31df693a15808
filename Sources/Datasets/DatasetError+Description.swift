import Support

extension DatasetError: CustomStringConvertible {
    /// What was wrong, where, and what to do about it.
    public var description: String {
        shortened(message: fileSentence ?? columnSentence ?? labelSentence ?? encodingSentence)
    }

    private var fileSentence: String? {
        switch self {
        case .unreadable(let path, let reason): "\(path): \(reason)"
        case .unknownFileFormat(let path):
            "\(path): the file's ending names no known format; use .jsonl, .json, .csv, .tsv or .txt"
        case .notText(let place, let reason): "\(place): \(reason); data files must be plain text in UTF-8"
        case .lineTooLong(let place, let limit):
            "\(place): the row is longer than \(limit) bytes; split it or raise the limit"
        case .malformed(let place, let problem): "\(place): \(problem)"
        case .raggedRow(let place, let found, let expected):
            "\(place): the row has \(counted(found, "field")), the header \(expected); "
                + "put quotation marks around fields that hold the delimiter"
        case .duplicateColumn(let place, let name):
            "\(place): the header names the column \"\(excerpt(name))\" twice; rename one of them"
        case .noRows(let path): "\(path): the file holds no rows; give a file with at least one example"
        default: nil
        }
    }

    private var columnSentence: String? {
        switch self {
        case .missingColumn(let place, let name, let available):
            "\(place): there is no column \"\(excerpt(name))\"" + suggestion(name, available)
        case .undetectedColumn(let place, let role, let tried, let available):
            "\(place): no \(role) column found (looked for \(listed(tried))); the row has \(listed(available)); "
                + "name the column in the configuration"
        case .ambiguousFormat(let place, let formats):
            "\(place): the columns fit several formats (\(listed(formats))); set format to one of them"
        case .wrongType(let place, let column, let expected, let found):
            "\(place): column \"\(excerpt(column))\" must hold \(expected), found \(found)"
        case .emptyValue(let place, let column, let found):
            "\(place): column \"\(excerpt(column))\" is \(found); fill it, remove the row, or let empty rows be skipped"
        case .conversation(let place, let problem): "\(place): \(problem)"
        default: nil
        }
    }

    private var labelSentence: String? {
        switch self {
        case .oneLabelOnly(let label, let examples):
            "all \(examples) training examples have the label \"\(excerpt(label))\"; "
                + "classification needs at least two labels"
        case .unknownLabel(let place, let label, let known):
            "\(place): the label \"\(excerpt(label))\" is not among the known labels" + suggestion(label, known)
        case .labelOutOfRange(let place, let label, let count):
            "\(place): the label \(label) is outside 0..<\(count); correct it or set num_labels"
        case .labelGap(let missing, let largest):
            "the integer labels reach \(largest) but \(missing) never occurs; number the classes from 0 without gaps, "
                + "set num_labels, or list the values in label_names"
        case .labelCount(let found, let expected):
            "the data has \(counted(found, "distinct label")) but num_labels is \(expected); correct num_labels or "
                + "list all names in label_names"
        case .fractionalLabel(let place, let label):
            "\(place): the label \(excerpt(label)) is not a class; set num_labels to 1 for regression"
        case .notANumber(let place, let label):
            "\(place): the label \"\(excerpt(label))\" is not a finite number, which regression (num_labels 1) needs"
        default: nil
        }
    }

    private var encodingSentence: String {
        switch self {
        case .encoding(let place, let reason): "\(place): the tokenizer refused the text: \(reason)"
        case .tooLong(let place, let tokens, let limit):
            "\(place): the example has \(tokens) tokens, the limit is \(limit); shorten it, raise max_length if the "
                + "model has the positions, or turn truncation on"
        case .noRoom(let place, let limit, let specialTokens):
            "\(place): max_length \(limit) leaves no room for text beside \(counted(specialTokens, "special token")); "
                + "raise max_length"
        case .unknownToken(let place, let id, let vocabularySize):
            "\(place): the tokenizer gives the id \(id) but the model knows \(vocabularySize) tokens; "
                + "use the tokenizer that belongs to the model"
        case .nothingLabelled(let examples):
            "none of the \(counted(examples, "example")) has a labelled token left after truncation; "
                + "raise max_length or check which turns are the assistant's"
        case .invalidOption(let name, let value, let allowed): "\(name) is \(excerpt(value)) but must be \(allowed)"
        case .emptySplit(let part, let share, let rows):
            "validation_split \(share) of \(counted(rows, "row")) leaves the \(part) set empty; "
                + "change the share or give a separate file"
        case .mixedTargets: "a batch cannot mix examples with different kinds of labels; encode them as one data set"
        default: ""
        }
    }
}

/// A text of the user's, short enough for a message.
func excerpt(_ text: String) -> String {
    let limit = 80
    let scalars = text.unicodeScalars
    let clean = scalars.prefix(limit).map { $0.properties.generalCategory == .control ? " " : String($0) }.joined()
    return scalars.count > limit ? clean + "…" : clean
}

private func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

private func listed(_ names: [String]) -> String {
    if names.isEmpty { return "nothing" }
    let shown = names.prefix(12).map { "\"\(excerpt($0))\"" }.joined(separator: ", ")
    return names.count > 12 ? "\(shown) and \(names.count - 12) more" : shown
}

private func suggestion(_ name: String, _ known: [String]) -> String {
    if let nearest = nearestMatch(to: name, in: known) { return "; did you mean \"\(excerpt(nearest))\"?" }
    return "; known are \(listed(known))"
}
