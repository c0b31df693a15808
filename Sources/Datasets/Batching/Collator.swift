/// Lays examples out as rectangles.
public struct Collator: Sendable, Equatable {
    /// The side that shorter rows are filled on.
    public enum PaddingSide: String, Sendable, Codable, CaseIterable {
        case left, right
    }

    /// The token of padding; masks keep it from having an effect.
    public var padID: Int
    /// The side of padding.
    public var paddingSide: PaddingSide
    /// Columns are rounded up to a multiple of this (`pad_to_multiple_of`).
    public var multiple: Int
    /// Columns that rounding must not exceed: the model's positions.
    public var maximumColumns: Int?
    /// The token that a decoder's rows begin with, for targets that are sequences of their own.
    public var targetStart: Int?

    /// Makes a layout; by default padded on the right without rounding.
    ///
    /// - Throws: `DatasetError.invalidOption`.
    public init(
        padID: Int, paddingSide: PaddingSide = .right, multiple: Int = 1, maximumColumns: Int? = nil,
        targetStart: Int? = nil
    ) throws(DatasetError) {
        guard multiple >= 1, multiple <= 1 << 20 else {
            throw .invalidOption(name: "pad_to_multiple_of", value: String(multiple), allowed: "from 1 to \(1 << 20)")
        }
        self.padID = padID
        self.paddingSide = paddingSide
        self.multiple = multiple
        self.maximumColumns = maximumColumns
        self.targetStart = targetStart
    }

    /// The columns of a batch whose longest row has the given tokens.
    public func columns(forLongest length: Int) -> Int {
        let rounded = (length + multiple - 1) / multiple * multiple
        return max(length, min(rounded, maximumColumns ?? .max))
    }

    /// Lays out rows of example indices.
    ///
    /// - Throws: `DatasetError.mixedTargets` where examples have different kinds of targets, or a row of several
    ///   examples has targets per example.
    public func batch(_ rows: [[Int]], of examples: [Example]) throws(DatasetError) -> Batch {
        if let first = rows.first?.first, examples[first].alternative != nil {
            return try pairs(rows.flatMap { $0 }, of: examples)
        }
        let lengths = rows.map { row in row.reduce(0) { $0 + examples[$1].length } }
        let columns = columns(forLongest: lengths.max() ?? 0)
        var segments: [BatchSegment] = []
        for (row, members) in rows.enumerated() {
            var start = paddingSide == .left ? columns - lengths[row] : 0
            for example in members {
                let end = start + examples[example].length
                segments.append(BatchSegment(example: example, row: row, columns: start..<end))
                start = end
            }
        }
        let layout = Layout(rows: rows.count, columns: columns, segments: segments)
        var batch = try layout.batch(of: examples, padID: padID)
        if case .sequences(let labels, let columns) = batch.targets, let targetStart {
            batch.decoderInputIDs = decoderInput(labels, columns: columns, start: targetStart)
        }
        let judgements = segments.compactMap { examples[$0.example].isDesirable }
        guard !judgements.isEmpty else { return batch }
        guard judgements.count == rows.count, !layout.isPacked, case .tokens(let labels) = batch.targets else {
            throw .mixedTargets
        }
        batch.targets = .judgements(labels: labels, isDesirable: judgements)
        return batch
    }

    /// The labels moved right by one, with the start token before them and padding in the place of what is ignored.
    private func decoderInput(_ labels: [Int64], columns: Int, start: Int) -> [Int64] {
        labels.indices.map { place in
            guard place % columns > 0 else { return Int64(start) }
            let label = labels[place - 1]
            return label == Int64(ignoredLabel) ? Int64(padID) : label
        }
    }

    /// Lays out the better texts of some examples and, below them, the worse ones.
    private func pairs(_ members: [Int], of examples: [Example]) throws(DatasetError) -> Batch {
        var (better, worse): ([Example], [Example]) = ([], [])
        for member in members {
            guard let text = examples[member].alternative else { throw .mixedTargets }
            better.append(Example(inputIDs: examples[member].inputIDs, target: examples[member].target))
            worse.append(Example(inputIDs: text.inputIDs, target: .tokens(text.labels)))
        }
        let texts = better + worse
        var batch = try batch(texts.indices.map { [$0] }, of: texts)
        guard case .tokens(let labels) = batch.targets else { throw .mixedTargets }
        batch.targets = .preferences(labels: labels, pairs: members.count)
        batch.segments = batch.segments.map {
            BatchSegment(example: members[$0.example % members.count], row: $0.row, columns: $0.columns)
        }
        return batch
    }
}

/// Segments on a rectangle.
private struct Layout {
    let rows: Int
    let columns: Int
    let segments: [BatchSegment]

    var isPacked: Bool { segments.count > rows }

    func batch(of examples: [Example], padID: Int) throws(DatasetError) -> Batch {
        let targets = try targets(of: examples)
        let images = segments.compactMap { examples[$0.example].image }
        if !images.isEmpty {
            guard images.count == rows, segments.count == rows else { throw .mixedTargets }
            return Batch(
                rows: rows, columns: columns, inputIDs: [], attentionMask: [], images: images, targets: targets,
                segments: segments)
        }
        var batch = Batch(
            rows: rows, columns: columns, inputIDs: filled(Int64(padID)) { examples[$0.example].inputIDs },
            attentionMask: filled(0) { repeatElement(1, count: $0.columns.count) }, targets: targets,
            segments: segments)
        if segments.contains(where: { examples[$0.example].typeIDs != nil }) {
            batch.typeIDs = filled(0) { segment in
                examples[segment.example].typeIDs ?? Array(repeating: 0, count: segment.columns.count)
            }
        }
        if isPacked || segments.contains(where: { $0.columns.lowerBound > 0 }) {
            batch.positionIDs = filled(0) { 0..<$0.columns.count }
        }
        if isPacked { batch.segmentIDs = segmentIDs }
        batch.taskIDs = try taskIDs(of: examples)
        return batch
    }

    /// A rectangle with the values of each segment at its place.
    private func filled<Values: Sequence>(_ blank: Int64, _ values: (BatchSegment) -> Values) -> [Int64]
    where Values.Element: BinaryInteger {
        var cells = [Int64](repeating: blank, count: rows * columns)
        for segment in segments {
            var cell = segment.row * columns + segment.columns.lowerBound
            for value in values(segment) {
                cells[cell] = Int64(value)
                cell += 1
            }
        }
        return cells
    }

    private var segmentIDs: [Int64] {
        var numbers = [Int](repeating: 0, count: rows)
        return filled(-1) { (segment) -> Repeated<Int> in
            numbers[segment.row] += 1
            return repeatElement(numbers[segment.row] - 1, count: segment.columns.count)
        }
    }

    /// The task of each row: all examples have one, or none has.
    private func taskIDs(of examples: [Example]) throws(DatasetError) -> [Int64]? {
        let numbers = segments.compactMap { examples[$0.example].taskID.map(Int64.init) }
        guard !numbers.isEmpty else { return nil }
        guard numbers.count == segments.count, !isPacked else { throw .mixedTargets }
        return numbers
    }

    private func targets(of examples: [Example]) throws(DatasetError) -> BatchTargets {
        guard let first = segments.first else { return .none }
        switch examples[first.example].target {
        case .none:
            try requireAll(examples) { if case .none = $0 { true } else { false } }
            return .none
        case .classIndex:
            return .classes(try each(examples) { if case .classIndex(let index) = $0 { Int64(index) } else { nil } })
        case .value:
            return .values(try each(examples) { if case .value(let value) = $0 { value } else { nil } })
        case .sequence: return try sequences(of: examples)
        case .tokens:
            try requireAll(examples) { if case .tokens = $0 { true } else { false } }
            return .tokens(
                filled(Int64(ignoredLabel)) { (segment) -> [Int32] in
                    if case .tokens(let labels) = examples[segment.example].target { labels } else { [] }
                })
        }
    }

    /// One sequence per row, filled up on its right.
    private func sequences(of examples: [Example]) throws(DatasetError) -> BatchTargets {
        let rows = try each(examples) { (target) -> [Int32]? in
            if case .sequence(let labels) = target { labels } else { nil }
        }
        let columns = rows.map(\.count).max() ?? 0
        let labels = rows.flatMap { row in
            row.map(Int64.init) + Array(repeating: Int64(ignoredLabel), count: columns - row.count)
        }
        return .sequences(labels, columns: columns)
    }

    private func requireAll(_ examples: [Example], _ fits: (Target) -> Bool) throws(DatasetError) {
        guard segments.allSatisfy({ fits(examples[$0.example].target) }) else { throw .mixedTargets }
    }

    /// One target per row.
    private func each<Value>(_ examples: [Example], _ value: (Target) -> Value?) throws(DatasetError) -> [Value] {
        let values = segments.compactMap { value(examples[$0.example].target) }
        guard values.count == segments.count, !isPacked else { throw .mixedTargets }
        return values
    }
}
