extension Forecast {
    /// The forecast as aligned lines for a terminal, without a newline at the end.
    ///
    /// ```
    /// Data        examples          8,000
    ///             tokens per epoch  123,456   labelled 6.48 %, truncated 0 %, padding 3.1 %
    /// ```
    public func table() -> String {
        var rows: [[String]] = [
            ["Data", "examples", Quantity.count(examples), ""],
            ["", "tokens per epoch", Quantity.count(tokens), "\(Quantity.percent(labelledShare)) labelled"],
            [
                "", "example length", "\(Quantity.count(lengths.median)) tokens",
                "median; 95 % up to \(Quantity.count(lengths.p95)), "
                    + "shortest \(Quantity.count(lengths.minimum)), longest \(Quantity.count(lengths.maximum))",
            ],
            ["", "truncated", Quantity.percent(truncatedShare), "of the examples"],
            ["", "padding", Quantity.percent(paddingShare), "of the computed positions"],
            [
                "Model", "trainable", Quantity.count(trainableParameters),
                "\(Quantity.percent(trainableShare)) of \(Quantity.count(totalParameters)) parameters",
            ],
            ["Memory", "estimated peak", Quantity.bytes(memoryBytes), ""],
        ]
        rows += memoryParts.map { part in
            ["", "  \(part.name.withoutControlCharacters)", Quantity.bytes(part.bytes), ""]
        }
        rows.append(
            [
                "Training", "optimizer steps", Quantity.count(steps),
                "\(Quantity.count(batchesPerEpoch)) batches per epoch",
            ])
        return Self.align(rows, rightAligned: 2)
    }

    /// The part of all parameters that training changes, between 0 and 1.
    public var trainableShare: Double {
        totalParameters > 0 ? Double(trainableParameters) / Double(totalParameters) : 0
    }

    /// Sets rows in columns as wide as their widest cell, with two spaces between them.
    private static func align(_ rows: [[String]], rightAligned: Int) -> String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in rows.map { $0[column].count }.max() ?? 0 }
        let lines = rows.map { row in
            let cells = row.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                return column == rightAligned ? padding + cell : cell + padding
            }
            let line = cells.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
        return lines.joined(separator: "\n")
    }
}
