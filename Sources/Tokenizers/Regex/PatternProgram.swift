/// A regular expression as instructions for `PatternMatcher`.
struct PatternProgram: Sendable {
    enum Instruction: Sendable {
        case scalar(UInt32)
        /// Scalars in a row, compared by full case folding.
        case folded([UInt32])
        case set(Int)
        /// As many scalars of a set as possible or, lazily, as few; between the bounds.
        case span(set: Int, minimum: Int, maximum: Int, PatternNode.Greed)
        /// Tries the instruction after this one first, then `other`.
        ///
        /// - firstBytes: what the next byte must be for the first way to have a chance, or -1 for no such knowledge.
        case fork(other: Int, firstBytes: Int)
        /// Tries `target` first, then the instruction after this one.
        case forkBackward(target: Int)
        case jump(Int)
        case save(Int)
        case assertion(PatternNode.Assertion)
        /// Runs the instructions up to their `accept`; where they match and it is not negative, goes on at `next`.
        case lookAhead(isNegative: Bool, next: Int)
        case lookBehind(isNegative: Bool, minimum: Int, maximum: Int, next: Int)
        case atomic(next: Int)
        case backReference(Int)
        /// Ends a look-behind only where it began.
        case isAtLookBehindEnd
        /// Remembers the position in a register, to end loops that take nothing.
        case mark(Int)
        case failIfUnmoved(Int)
        case keep
        case accept
    }

    fileprivate(set) var instructions: [Instruction] = []
    fileprivate(set) var sets: [ScalarBitmap] = []
    fileprivate(set) var byteSets: [ByteSet] = []
    fileprivate(set) var registerCount = 0
    fileprivate(set) var captureCount = 0
    /// The bytes that a match can begin with, or nil where it can be empty.
    fileprivate(set) var firstBytes: ByteSet?

    /// Compiles a pattern.
    ///
    /// - Throws: `TokenizerError.pattern` for what is malformed, not supported or too large.
    init(_ pattern: String) throws {
        let (node, captureCount) = try PatternParser.parse(pattern)
        self.captureCount = captureCount
        var compiler = PatternCompiler(pattern: pattern)
        try compiler.compile(node)
        compiler.emit(.accept)
        instructions = compiler.instructions
        sets = compiler.sets.map(ScalarBitmap.init)
        byteSets = compiler.byteSets
        registerCount = compiler.registerCount
        let first = FirstBytes.of(node)
        firstBytes = first.canBeEmpty ? nil : first.bytes
    }
}

/// A set of bytes.
struct ByteSet: Sendable, Equatable {
    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    static let all: ByteSet = {
        var set = ByteSet()
        set.words = (.max, .max, .max, .max)
        return set
    }()

    static func == (left: ByteSet, right: ByteSet) -> Bool { left.words == right.words }

    @inline(__always)
    func contains(_ byte: UInt8) -> Bool {
        let word =
            byte < 128 ? (byte < 64 ? words.0 : words.1) : (byte < 192 ? words.2 : words.3)
        return word >> UInt64(byte & 63) & 1 != 0
    }

    mutating func insert(_ byte: UInt8) {
        let bit: UInt64 = 1 << UInt64(byte & 63)
        switch byte >> 6 {
        case 0: words.0 |= bit
        case 1: words.1 |= bit
        case 2: words.2 |= bit
        default: words.3 |= bit
        }
    }

    func union(_ other: ByteSet) -> ByteSet {
        var set = self
        set.words = (
            words.0 | other.words.0, words.1 | other.words.1, words.2 | other.words.2, words.3 | other.words.3
        )
        return set
    }
}

/// What bytes a part of a pattern can begin with: a cheap look before it is tried.
enum FirstBytes {
    static func of(_ node: PatternNode) -> (bytes: ByteSet, canBeEmpty: Bool) {
        switch node {
        case .empty, .look, .assertion, .keep: return (ByteSet(), true)
        case .backReference: return (.all, true)
        case .literal(let scalars, let isFolded):
            guard let first = scalars.first else { return (ByteSet(), true) }
            return (isFolded ? ofFolded(first) : of(ScalarSet(first)), false)
        case .set(let set): return (of(set), false)
        case .capture(_, let node), .atomic(let node): return of(node)
        case .alternatives(let nodes):
            return nodes.map(of).reduce((ByteSet(), false)) { ($0.0.union($1.bytes), $0.1 || $1.canBeEmpty) }
        case .repetition(let node, let minimum, let maximum, _):
            if maximum == 0 { return (ByteSet(), true) }
            let first = of(node)
            return (first.bytes, first.canBeEmpty || minimum == 0)
        case .sequence(let nodes):
            var bytes = ByteSet()
            for node in nodes {
                let first = of(node)
                bytes = bytes.union(first.bytes)
                if !first.canBeEmpty { return (bytes, false) }
            }
            return (bytes, true)
        }
    }

    private static func of(_ set: ScalarSet) -> ByteSet {
        var bytes = ByteSet()
        for range in set.ranges {
            if range.lowerBound < 0x80 {
                for scalar in range.lowerBound...min(range.upperBound, 0x7F) { bytes.insert(UInt8(scalar)) }
            }
            if range.upperBound >= 0x80 {
                let first = lead(max(range.lowerBound, 0x80))
                for byte in first...lead(range.upperBound) { bytes.insert(byte) }
            }
        }
        return bytes
    }

    /// A folded scalar may stand for any scalar beyond ASCII that folds to it, alone or with what follows.
    private static func ofFolded(_ scalar: UInt32) -> ByteSet {
        var bytes = of(CaseFolding.closure(ScalarSet(scalar)))
        for byte in UInt8(0x80)...0xFF { bytes.insert(byte) }
        return bytes
    }

    private static func lead(_ scalar: UInt32) -> UInt8 {
        switch scalar {
        case ..<0x800: UInt8(truncatingIfNeeded: 0xC0 | scalar >> 6)
        case ..<0x10000: UInt8(truncatingIfNeeded: 0xE0 | scalar >> 12)
        default: UInt8(truncatingIfNeeded: 0xF0 | scalar >> 18)
        }
    }
}
