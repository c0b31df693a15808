/// Rows of a prompt, one answer to it, and whether that is desirable, as KTO learns from.
struct JudgedMapping: RowMapping {
    let columns: PreferenceColumns

    func sample(from record: Record) throws -> Sample {
        Sample(location: record.location, content: .judged(try judged(record)))
    }

    private func judged(_ record: Record) throws -> JudgedAnswer {
        let isDesirable = try judgement(record)
        let holdsTurns = [columns.prompt, columns.completion].contains {
            if case .array? = record.fields[$0] { true } else { false }
        }
        guard holdsTurns else {
            return JudgedAnswer(
                prompt: try record.text(columns.prompt, allowsEmpty: true), answer: try record.text(columns.completion),
                isDesirable: isDesirable, isConversation: false)
        }
        let turns = PreferenceMapping(columns: columns)
        let text = try turns.answer(
            turns.requiredTurns(columns.completion, of: record),
            to: turns.turns(columns.prompt, role: "user", of: record) ?? [], turns.format(of: record),
            columns.completion, record)
        return JudgedAnswer(
            prompt: text.prompt, answer: text.answer, isDesirable: isDesirable, isConversation: true)
    }

    /// True or false, or 1 or 0; as text too, since files without types have nothing else.
    private func judgement(_ record: Record) throws -> Bool {
        let value = try record.value(columns.label)
        if case .null = value { throw DatasetError.emptyValue(record.location, column: columns.label, found: "null") }
        switch value {
        case .bool(let flag): return flag
        case .int(1): return true
        case .int(0): return false
        case .string(let text):
            if ["true", "1"].contains(text.lowercased()) { return true }
            if ["false", "0"].contains(text.lowercased()) { return false }
            fallthrough
        default:
            throw DatasetError.wrongType(
                record.location, column: columns.label, expected: "true or false", found: value.kind)
        }
    }
}
