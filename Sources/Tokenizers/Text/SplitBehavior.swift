/// What becomes of the stretches that a pattern matches.
enum SplitBehavior: String, CaseIterable, Sendable {
    case removed = "Removed"
    case isolated = "Isolated"
    case mergedWithPrevious = "MergedWithPrevious"
    case mergedWithNext = "MergedWithNext"
    case contiguous = "Contiguous"
}

/// Turns the alternation of matched and unmatched stretches of a piece into smaller pieces.
struct Splitter {
    private let behavior: SplitBehavior
    private var held: Range<Int>?
    private var wasMatch = false
    private(set) var pieces: [PreTokenized.Piece]

    init(_ behavior: SplitBehavior, pieces: [PreTokenized.Piece] = []) {
        self.behavior = behavior
        self.pieces = pieces
    }

    /// Keeps a piece as it is.
    mutating func keep(_ piece: PreTokenized.Piece) { pieces.append(piece) }

    /// Takes the next stretch of a piece; stretches adjoin each other.
    mutating func add(_ range: Range<Int>, isMatch: Bool) {
        switch behavior {
        case .removed: if !isMatch { emit(range) }
        case .isolated: emit(range)
        case .contiguous: join(range, if: isMatch == wasMatch)
        case .mergedWithPrevious: join(range, if: isMatch && !wasMatch)
        case .mergedWithNext: join(range, if: !isMatch && wasMatch)
        }
        wasMatch = isMatch
    }

    /// Ends a piece.
    mutating func finish() {
        if let held { emit(held) }
        held = nil
        wasMatch = false
    }

    private mutating func join(_ range: Range<Int>, if joins: Bool) {
        if joins, let before = held {
            held = before.lowerBound..<range.upperBound
        } else {
            if let held { emit(held) }
            held = range
        }
    }

    private mutating func emit(_ range: Range<Int>) {
        if !range.isEmpty { pieces.append(PreTokenized.Piece(range)) }
    }
}
