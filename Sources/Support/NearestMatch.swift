/// The candidate with the fewest edits to `name`; nil when none is close enough to be meant.
public func nearestMatch(to name: String, in candidates: some Sequence<String>) -> String? {
    let wanted = Array(name.utf8)
    var best: (candidate: String, distance: Int)?
    for candidate in candidates {
        let limit = min(best.map { $0.distance - 1 } ?? .max, max(2, wanted.count / 2))
        if let distance = editDistance(wanted, Array(candidate.utf8), limit: limit) {
            best = (candidate, distance)
        }
    }
    return best?.candidate
}

/// Levenshtein's distance, nil when it is above `limit`.
private func editDistance(_ a: [UInt8], _ b: [UInt8], limit: Int) -> Int? {
    guard abs(a.count - b.count) <= limit else { return nil }
    var row = Array(0...b.count)
    for i in 0..<a.count {
        var previous = row[0]
        row[0] = i + 1
        for j in 0..<b.count {
            let cost = min(row[j] + 1, row[j + 1] + 1, previous + (a[i] == b[j] ? 0 : 1))
            previous = row[j + 1]
            row[j + 1] = cost
        }
    }
    return row[b.count] <= limit ? row[b.count] : nil
}
