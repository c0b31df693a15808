/// A part of a regular expression.
indirect enum PatternNode: Sendable {
    case empty
    /// Scalars in a row; folded ones match by full case folding.
    case literal([UInt32], isFolded: Bool)
    case set(ScalarSet)
    case sequence([PatternNode])
    case alternatives([PatternNode])
    case capture(Int, PatternNode)
    case repetition(PatternNode, minimum: Int, maximum: Int?, Greed)
    case look(PatternNode, isAhead: Bool, isNegative: Bool)
    case atomic(PatternNode)
    case assertion(Assertion)
    case backReference(Int)
    /// `\K`: what is matched so far does not belong to the match.
    case keep

    /// How a repetition chooses among its counts.
    enum Greed: Sendable {
        case greedy
        case lazy
        case possessive
    }

    /// A condition on the position.
    enum Assertion: Sendable {
        case lineStart
        case lineEnd
        case textStart
        case textEnd
        case textEndBeforeNewline
        case wordBoundary
        case notWordBoundary
        case searchStart
    }
}

extension PatternNode {
    /// The fewest and most scalars that the node can take; nil for no limit.
    var extent: (minimum: Int, maximum: Int?) {
        switch self {
        case .empty, .look, .assertion, .keep: return (0, 0)
        case .literal(let scalars, let isFolded):
            // One scalar folds to at most three.
            return isFolded ? ((scalars.count + 2) / 3, scalars.count) : (scalars.count, scalars.count)
        case .set: return (1, 1)
        case .sequence(let parts):
            return parts.map(\.extent).reduce((0, 0)) { sum, part in
                (sum.0 + part.minimum, sum.1.flatMap { left in part.maximum.map { left + $0 } })
            }
        case .alternatives(let parts):
            let extents = parts.map(\.extent)
            let hasLimit = extents.allSatisfy { $0.maximum != nil }
            return (extents.map(\.minimum).min() ?? 0, hasLimit ? extents.compactMap(\.maximum).max() : nil)
        case .capture(_, let node), .atomic(let node): return node.extent
        case .repetition(let node, let minimum, let maximum, _):
            let inner = node.extent
            let (least, overflow) = inner.minimum.multipliedReportingOverflow(by: minimum)
            let most = inner.maximum.flatMap { most in maximum.map { most.multipliedReportingOverflow(by: $0) } }
            return (overflow ? .max : least, most.flatMap { $0.overflow ? nil : $0.partialValue })
        case .backReference: return (0, nil)
        }
    }
}
