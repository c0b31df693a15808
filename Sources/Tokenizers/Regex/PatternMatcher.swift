/// Runs a pattern over bytes in UTF-8 by backtracking, with Oniguruma's order of choices.
///
/// A matcher keeps its stacks between searches; it belongs to one thread at a time.
final class PatternMatcher {
    /// A choice to come back to, or a value to restore on the way back.
    fileprivate struct Choice {
        enum Kind: UInt8 {
            case resume
            /// A greedy span that can give back scalars down to `limit`.
            case spanBack
            /// A lazy span that can take one more scalar, `count` times.
            case spanForward
            case restore
        }
        var kind: Kind
        var instruction: Int
        var position: Int
        var limit: Int
    }

    /// What an attempt changes. It is a value that the attempt owns while it runs: fields of a class are guarded against
    /// overlapping accesses at each of them, which took longer than the matching.
    fileprivate struct State {
        var choices: [Choice] = []
        var registers: [Int] = []
        var captures: [Int] = []
        var keptStart: Int?
        var lookBehindEnd = 0
        var searchStart = 0
        var steps = 0
        /// Steps that are left for the text.
        var budget = PatternMatcher.leastBudget
    }

    private var state = State()

    /// Steps for all searches of one text, and how many more each of its bytes gives: patterns of real tokenizers need
    /// less than a hundred a byte.
    private static let (leastBudget, stepsPerByte) = (1_000_000, 200)
    /// Choices to come back to; more would take too much memory.
    fileprivate static let maximumChoices = 4_000_000

    /// Gives the steps for a new text, so that no pattern takes longer than grows with the text.
    func beginText(byteCount: Int) { state.budget = Self.leastBudget + byteCount * Self.stepsPerByte }

    /// Finds the first match at or after `start`.
    ///
    /// - Parameters:
    ///   - end: where the text ends.
    ///   - origin: where the text begins; look-behinds do not see what is before it.
    /// - Throws: `TokenizerError.patternTooSlow`.
    func firstMatch(
        of pattern: Pattern, in bytes: UnsafeBufferPointer<UInt8>, origin: Int, from start: Int, to end: Int
    ) throws -> Range<Int>? {
        let program = pattern.program
        var run = Run(program: program, bytes: bytes, origin: origin, end: end)
        swap(&run.state, &state)
        defer { swap(&run.state, &state) }
        run.state.searchStart = start
        var position = start
        while true {
            if let first = program.firstBytes {
                while position < end, !first.contains(bytes[position]) { position += 1 }
                if position == end { return nil }
            }
            run.begin()
            let matchEnd = run.match(from: 0, at: position, floor: 0)
            guard run.state.steps <= run.state.budget else { throw TokenizerError.patternTooSlow(pattern.source) }
            run.state.budget -= run.state.steps
            if let matchEnd {
                let matchStart = run.state.keptStart ?? position
                return min(matchStart, matchEnd)..<matchEnd
            }
            if position >= end { return nil }
            position += UTF8Text.length(lead: bytes[position])
        }
    }
}

extension PatternMatcher {
    /// One attempt: the program with the text it runs over.
    fileprivate struct Run {
        let program: PatternProgram
        let bytes: UnsafeBufferPointer<UInt8>
        let origin: Int
        let end: Int
        var state = State()

        /// Forgets the attempt before.
        mutating func begin() {
            state.choices.removeAll(keepingCapacity: true)
            if program.registerCount > 0 || program.captureCount > 0 {
                state.registers = [Int](repeating: -1, count: program.registerCount)
                state.captures = [Int](repeating: -1, count: program.captureCount * 2 + 2)
            }
            state.keptStart = nil
            state.steps = 0
        }

        /// Runs until an `accept`, without touching choices below `floor`.
        ///
        /// - Returns: the position reached, or nil where nothing matches.
        mutating func match(from first: Int, at start: Int, floor: Int) -> Int? {
            var instruction = first
            var position = start
            while true {
                state.steps += 1
                if state.steps > state.budget { return nil }
                var matches = true
                switch program.instructions[instruction] {
                case .scalar(let scalar): matches = take(scalar, &position)
                case .folded(let scalars): matches = take(folded: scalars, &position)
                case .set(let set): matches = take(set, &position)
                case .span(let set, let minimum, let maximum, let greed):
                    matches = takeSpan(set, minimum, maximum, greed, instruction, &position)
                case .fork(let other, let firstBytes):
                    if firstBytes >= 0,
                        position >= end || !program.byteSets[firstBytes].contains(bytes[position])
                    {
                        instruction = other
                        continue
                    }
                    push(.resume, other, position)
                case .forkBackward(let target):
                    push(.resume, instruction + 1, position)
                    instruction = target
                    continue
                case .jump(let target):
                    instruction = target
                    continue
                case .save(let slot): save(slot, position)
                case .assertion(let assertion): matches = holds(assertion, position)
                case .lookAhead(let isNegative, let next):
                    matches = look(from: instruction + 1, at: position) != isNegative
                    if matches {
                        instruction = next
                        continue
                    }
                case .lookBehind(let isNegative, let minimum, let maximum, let next):
                    matches = lookBehind(from: instruction + 1, at: position, minimum, maximum) != isNegative
                    if matches {
                        instruction = next
                        continue
                    }
                case .atomic(let next):
                    let height = state.choices.count
                    if let reached = match(from: instruction + 1, at: position, floor: height) {
                        dropChoices(to: height)
                        position = reached
                        instruction = next
                        continue
                    }
                    matches = false
                case .backReference(let number): matches = take(reference: number, &position)
                case .isAtLookBehindEnd: matches = position == state.lookBehindEnd
                case .mark(let register): setRegister(register, position)
                case .failIfUnmoved(let register): matches = state.registers[register] != position
                case .keep: state.keptStart = position
                case .accept: return position
                }
                if matches {
                    instruction += 1
                } else if !backtrack(&instruction, &position, floor: floor) {
                    return nil
                }
            }
        }
    }
}

extension PatternMatcher.Run {
    @inline(__always)
    private func take(_ scalar: UInt32, _ position: inout Int) -> Bool {
        guard position < end else { return false }
        if scalar < 0x80 {
            guard bytes[position] == UInt8(truncatingIfNeeded: scalar) else { return false }
            position += 1
            return true
        }
        let (found, length) = UTF8Text.scalar(in: bytes, at: position)
        guard found == scalar else { return false }
        position += length
        return true
    }

    @inline(__always)
    private func take(_ set: Int, _ position: inout Int) -> Bool {
        guard position < end else { return false }
        let (scalar, length) = UTF8Text.scalar(in: bytes, at: position)
        guard program.sets[set].contains(scalar) else { return false }
        position += length
        return true
    }

    private func take(folded scalars: [UInt32], _ position: inout Int) -> Bool {
        var reached = position
        var matched = 0
        while matched < scalars.count {
            guard reached < end else { return false }
            let (scalar, length) = UTF8Text.scalar(in: bytes, at: reached)
            if scalar < 0x80 {
                let isUpper = scalar &- 0x41 < 26
                guard scalars[matched] == (isUpper ? scalar | 0x20 : scalar) else { return false }
                matched += 1
            } else {
                let folding = CaseFolding.fold(scalar)
                guard scalars[matched...].starts(with: folding) else { return false }
                matched += folding.count
            }
            reached += length
        }
        position = reached
        return true
    }

    private mutating func takeSpan(
        _ set: Int, _ minimum: Int, _ maximum: Int, _ greed: PatternNode.Greed, _ instruction: Int,
        _ position: inout Int
    ) -> Bool {
        let start = position
        var count = 0
        let wanted = greed == .lazy ? minimum : maximum
        var floor = start
        while count < wanted, take(set, &position) {
            count += 1
            if count == minimum { floor = position }
        }
        state.steps += count
        guard count >= minimum else { return false }
        if greed == .lazy {
            if count < maximum { push(.spanForward, instruction, position, limit: maximum - count) }
        } else if greed == .greedy, position > floor {
            push(.spanBack, instruction, position, limit: floor)
        }
        return true
    }

    private mutating func take(reference number: Int, _ position: inout Int) -> Bool {
        let start = state.captures[number * 2]
        let stop = state.captures[number * 2 + 1]
        guard start >= 0, stop >= start, position + (stop - start) <= end else { return false }
        state.steps += stop - start
        for offset in 0..<(stop - start) where bytes[start + offset] != bytes[position + offset] { return false }
        position += stop - start
        return true
    }

    private func holds(_ assertion: PatternNode.Assertion, _ position: Int) -> Bool {
        switch assertion {
        case .lineStart:
            return position == origin || (bytes[position - 1] == 0x0A && position < end)
        case .lineEnd: return position == end || bytes[position] == 0x0A
        case .textStart: return position == origin
        case .textEnd: return position == end
        case .textEndBeforeNewline: return position == end || (position == end - 1 && bytes[position] == 0x0A)
        case .wordBoundary: return isWord(before: position) != isWord(at: position)
        case .notWordBoundary: return isWord(before: position) == isWord(at: position)
        case .searchStart: return position == state.searchStart
        }
    }

    private func isWord(at position: Int) -> Bool {
        position < end && CharacterProperties.word.contains(UTF8Text.scalar(in: bytes, at: position).scalar)
    }

    private func isWord(before position: Int) -> Bool {
        position > origin && CharacterProperties.word.contains(UTF8Text.scalar(in: bytes, before: position).scalar)
    }

    private mutating func look(from instruction: Int, at position: Int) -> Bool {
        let height = state.choices.count
        let found = match(from: instruction, at: position, floor: height) != nil
        dropChoices(to: height)
        return found
    }

    private mutating func lookBehind(from instruction: Int, at position: Int, _ minimum: Int, _ maximum: Int) -> Bool {
        let outerEnd = state.lookBehindEnd
        state.lookBehindEnd = position
        defer { state.lookBehindEnd = outerEnd }
        var start = position
        for count in 0...maximum {
            if count >= minimum, look(from: instruction, at: start) { return true }
            guard start > origin else { return false }
            start -= UTF8Text.scalar(in: bytes, before: start).length
        }
        return false
    }
}

extension PatternMatcher.Run {
    @inline(__always)
    private mutating func push(_ kind: PatternMatcher.Choice.Kind, _ instruction: Int, _ position: Int, limit: Int = 0)
    {
        state.choices.append(
            PatternMatcher.Choice(kind: kind, instruction: instruction, position: position, limit: limit))
        if state.choices.count > PatternMatcher.maximumChoices { state.steps = state.budget }
    }

    private mutating func save(_ slot: Int, _ position: Int) {
        push(.restore, slot, state.captures[slot], limit: 0)
        state.captures[slot] = position
    }

    private mutating func setRegister(_ register: Int, _ position: Int) {
        push(.restore, register, state.registers[register], limit: 1)
        state.registers[register] = position
    }

    /// Forgets choices but keeps the values that were saved since.
    private mutating func dropChoices(to height: Int) { state.choices.removeSubrange(height...) }

    /// Goes back to the latest choice above `floor`.
    private mutating func backtrack(_ instruction: inout Int, _ position: inout Int, floor: Int) -> Bool {
        while state.choices.count > floor {
            let top = state.choices.count - 1
            let choice = state.choices[top]
            switch choice.kind {
            case .resume:
                state.choices.removeLast()
                instruction = choice.instruction
                position = choice.position
                return true
            case .spanBack:
                position = choice.position - 1
                while bytes[position] & 0xC0 == 0x80 { position -= 1 }
                if position > choice.limit {
                    state.choices[top].position = position
                } else {
                    state.choices.removeLast()
                }
                instruction = choice.instruction + 1
                return true
            case .spanForward:
                state.choices.removeLast()
                position = choice.position
                guard case .span(let set, _, _, _) = program.instructions[choice.instruction],
                    take(set, &position)
                else { continue }
                if choice.limit > 1 { push(.spanForward, choice.instruction, position, limit: choice.limit - 1) }
                instruction = choice.instruction + 1
                return true
            case .restore:
                state.choices.removeLast()
                if choice.limit == 0 {
                    state.captures[choice.instruction] = choice.position
                } else {
                    state.registers[choice.instruction] = choice.position
                }
            }
        }
        return false
    }
}
