/// Rows of cells in columns that are as wide as their widest cell.
struct Table {
    /// Titles of the columns; none for a table without a head.
    var head: [String] = []
    /// The rows; short ones are filled up.
    var rows: [[String]] = []
    /// Columns whose cells stand at their right end.
    var rightAligned: Set<Int> = []

    /// The table as lines, without spaces at their ends.
    var lines: [String] {
        let all = ((head.isEmpty ? [] : [head]) + rows).map { $0.map(\.oneLine) }
        let columns = all.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            all.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        return all.map { row in
            let cells = row.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                return rightAligned.contains(column) ? padding + cell : cell + padding
            }
            let line = cells.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }
}
