/// The candidate that a misspelt name most likely meant, for error messages.
///
/// Case is ignored. The nearest by Levenshtein distance wins, the earlier of two equally near; a candidate that
/// differs in more than two fifths of the longer name is no match.
///
/// - Complexity: O(name × candidate) per candidate; only the first 64 scalars of a name count.
public func nearestMatch(to name: String, in candidates: some Sequence<String>) -> String? {
    let wanted = comparable(name)
    var best: (candidate: String, distance: Int)?
    for candidate in candidates {
        let other = comparable(candidate)
        let distance = levenshteinDistance(wanted, other)
        let allowed = max(1, max(wanted.count, other.count) * 2 / 5)
        guard distance <= allowed, distance < best?.distance ?? .max else { continue }
        best = (candidate, distance)
    }
    return best?.candidate
}

private func comparable(_ name: String) -> [Unicode.Scalar] {
    Array(name.lowercased().unicodeScalars.prefix(64))
}

/// The least number of insertions, deletions and substitutions that turn one sequence into the other.
func levenshteinDistance<Element: Equatable>(_ left: [Element], _ right: [Element]) -> Int {
    var row = Array(0...right.count)
    for (i, element) in left.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, other) in right.enumerated() {
            let substituted = diagonal + (element == other ? 0 : 1)
            diagonal = row[j + 1]
            row[j + 1] = min(substituted, diagonal + 1, row[j] + 1)
        }
    }
    return row[right.count]
}
