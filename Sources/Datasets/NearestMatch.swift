/// The candidate that a misspelt name most likely meant, for error messages.
///
/// Case is ignored. The nearest by edit distance wins, the earlier of two equally near; a candidate that
/// differs in more than two fifths of the longer name is no match.
///
/// - Complexity: O(name × candidate) per candidate; only the first 64 scalars of a name count.
public func nearestMatch(to name: String, in candidates: some Sequence<String>) -> String? {
    let wanted = comparable(name)
    var best: (candidate: String, distance: Int)?
    for candidate in candidates {
        let other = comparable(candidate)
        let distance = editDistance(wanted, other)
        let allowed = max(1, max(wanted.count, other.count) * 2 / 5)
        guard distance <= allowed, distance < best?.distance ?? .max else { continue }
        best = (candidate, distance)
    }
    return best?.candidate
}

private func comparable(_ name: String) -> [Unicode.Scalar] {
    Array(name.lowercased().unicodeScalars.prefix(64))
}

/// The least number of insertions, deletions, substitutions and swaps of neighbours that turn one sequence into the
/// other, no element being touched twice (Levenshtein's distance with swaps, "optimal string alignment").
func editDistance<Element: Equatable>(_ left: [Element], _ right: [Element]) -> Int {
    var previous: [Int] = []
    var row = Array(0...right.count)
    for i in left.indices {
        var next = [i + 1]
        for j in right.indices {
            var least = min(row[j] + (left[i] == right[j] ? 0 : 1), row[j + 1] + 1, next[j] + 1)
            if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
                least = min(least, previous[j - 1] + 1)
            }
            next.append(least)
        }
        (previous, row) = (row, next)
    }
    return row[right.count]
}
