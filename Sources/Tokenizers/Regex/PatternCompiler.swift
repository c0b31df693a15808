/// Turns the tree of a pattern into instructions.
struct PatternCompiler {
    typealias Instruction = PatternProgram.Instruction

    let pattern: String
    private(set) var instructions: [Instruction] = []
    private(set) var sets: [ScalarSet] = []
    private(set) var byteSets: [ByteSet] = []
    private(set) var registerCount = 0

    private var visits = 0

    private static let maximumInstructions = 50_000
    /// Parts that are compiled, repetitions counted: those of nothing give no instructions.
    private static let maximumVisits = 200_000
    /// Each takes some kilobytes when it is laid out for the matcher.
    private static let maximumSets = 4096

    init(pattern: String) { self.pattern = pattern }

    mutating func emit(_ instruction: Instruction) { instructions.append(instruction) }

    mutating func compile(_ node: PatternNode) throws {
        visits += 1
        guard instructions.count < Self.maximumInstructions, visits < Self.maximumVisits,
            sets.count <= Self.maximumSets
        else {
            throw TokenizerError.pattern(String(pattern.prefix(100)), reason: "its repetitions make it too large")
        }
        switch node {
        case .empty: break
        case .literal(let scalars, let isFolded):
            if isFolded { emit(.folded(scalars)) } else { for scalar in scalars { emit(.scalar(scalar)) } }
        case .set(let set): emit(.set(index(of: set)))
        case .sequence(let nodes): for node in nodes { try compile(node) }
        case .alternatives(let nodes): try compileAlternatives(nodes[...])
        case .capture(let number, let node):
            emit(.save(number * 2))
            try compile(node)
            emit(.save(number * 2 + 1))
        case .repetition(let node, let minimum, let maximum, let greed):
            try compileRepetition(node, minimum, maximum, greed)
        case .look(let node, let isAhead, let isNegative):
            try compileLook(node, isAhead: isAhead, isNegative: isNegative)
        case .atomic(let node): try compileAtomic { try $0.compile(node) }
        case .assertion(let assertion): emit(.assertion(assertion))
        case .backReference(let number): emit(.backReference(number))
        case .keep: emit(.keep)
        }
    }

    private mutating func index(of set: ScalarSet) -> Int {
        if let known = sets.firstIndex(of: set) { return known }
        sets.append(set)
        return sets.count - 1
    }

    /// The index of what a node can begin with, or -1 where that excludes nothing.
    private mutating func firstBytes(of node: PatternNode) -> Int {
        let first = FirstBytes.of(node)
        if first.canBeEmpty || first.bytes == .all { return -1 }
        if let known = byteSets.firstIndex(of: first.bytes) { return known }
        byteSets.append(first.bytes)
        return byteSets.count - 1
    }

    private mutating func compileAlternatives(_ nodes: ArraySlice<PatternNode>) throws {
        var jumps: [Int] = []
        for node in nodes.dropLast() {
            let fork = instructions.count
            emit(.fork(other: 0, firstBytes: firstBytes(of: node)))
            try compile(node)
            jumps.append(instructions.count)
            emit(.jump(0))
            instructions[fork] = .fork(other: instructions.count, firstBytes: firstBytes(of: node))
        }
        if let last = nodes.last { try compile(last) }
        for jump in jumps { instructions[jump] = .jump(instructions.count) }
    }

    private mutating func compileRepetition(
        _ node: PatternNode, _ minimum: Int, _ maximum: Int?, _ greed: PatternNode.Greed
    ) throws {
        if maximum == 0 { return }
        if let set = Self.singleSet(node) {
            emit(.span(set: index(of: set), minimum: minimum, maximum: maximum ?? .max, greed))
        } else if greed == .possessive {
            try compileAtomic { try $0.compileRepetition(node, minimum, maximum, .greedy) }
        } else {
            for _ in 0..<minimum { try compile(node) }
            if let maximum {
                try compileOptional(node, count: maximum - minimum, isLazy: greed == .lazy)
            } else {
                try compileLoop(node, isLazy: greed == .lazy)
            }
        }
    }

    /// `node?` nested `count` times.
    private mutating func compileOptional(_ node: PatternNode, count: Int, isLazy: Bool) throws {
        var forks: [Int] = []
        for _ in 0..<count {
            if isLazy {
                // The way past the node comes first: fork to it, jump over it.
                emit(.forkBackward(target: 0))
            } else {
                emit(.fork(other: 0, firstBytes: firstBytes(of: node)))
            }
            forks.append(instructions.count - 1)
            try compile(node)
        }
        for fork in forks {
            instructions[fork] =
                isLazy
                ? .forkBackward(target: instructions.count)
                : .fork(other: instructions.count, firstBytes: firstBytes(of: node))
        }
    }

    private mutating func compileLoop(_ node: PatternNode, isLazy: Bool) throws {
        let start = instructions.count
        emit(.jump(0))
        let canBeEmpty = node.extent.minimum == 0
        let register = registerCount
        if canBeEmpty {
            registerCount += 1
            emit(.mark(register))
        }
        try compile(node)
        if canBeEmpty { emit(.failIfUnmoved(register)) }
        emit(.jump(start))
        instructions[start] =
            isLazy
            ? .forkBackward(target: instructions.count)
            : .fork(other: instructions.count, firstBytes: firstBytes(of: node))
    }

    private mutating func compileLook(_ node: PatternNode, isAhead: Bool, isNegative: Bool) throws {
        let start = instructions.count
        emit(.jump(0))
        try compile(node)
        if !isAhead { emit(.isAtLookBehindEnd) }
        emit(.accept)
        let next = instructions.count
        let extent = node.extent
        instructions[start] =
            isAhead
            ? .lookAhead(isNegative: isNegative, next: next)
            : .lookBehind(
                isNegative: isNegative, minimum: extent.minimum, maximum: extent.maximum ?? extent.minimum, next: next)
    }

    private mutating func compileAtomic(_ body: (inout PatternCompiler) throws -> Void) throws {
        let start = instructions.count
        emit(.jump(0))
        try body(&self)
        emit(.accept)
        instructions[start] = .atomic(next: instructions.count)
    }

    /// The set of a node that always takes exactly one scalar.
    private static func singleSet(_ node: PatternNode) -> ScalarSet? {
        switch node {
        case .set(let set): set
        case .literal(let scalars, isFolded: false) where scalars.count == 1: ScalarSet(scalars[0])
        default: nil
        }
    }
}
