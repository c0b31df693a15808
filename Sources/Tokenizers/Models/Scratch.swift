import Foundation

/// Working memory of one encoding at a time: stacks and what was learnt about words.
final class Scratch {
    let matcher = PatternMatcher()
    let words = WordCache()
    /// Bytes that the present text may have once it is rewritten.
    private(set) var longestText = Scratch.leastLimit
    private var word = MergeWord()
    private var tokens: [ModelToken] = []

    private static let leastLimit = 1 << 16
    /// NFKD makes one scalar eleven times as long, and bytes as characters take twice their space.
    private static let mostGrowth = 64

    /// Sets the bounds of time and memory for a text.
    func beginText(byteCount: Int) {
        longestText = Self.leastLimit + byteCount * Self.mostGrowth
        matcher.beginText(byteCount: byteCount)
    }

    /// Refuses a text that rules of the file have made absurdly long.
    func require(byteCount: Int) throws {
        guard byteCount <= longestText else {
            throw TokenizerError.unencodable(
                reason:
                    "the tokenizer's rules make it more than \(longestText) bytes long; the file is damaged or hostile")
        }
    }

    func takeWord() -> MergeWord {
        var taken = MergeWord()
        swap(&taken, &word)
        taken.removeAll()
        return taken
    }

    func giveBack(_ word: MergeWord) { self.word = word }

    func takeTokens() -> [ModelToken] {
        var taken: [ModelToken] = []
        swap(&taken, &tokens)
        return taken
    }

    func giveBack(_ tokens: [ModelToken]) { self.tokens = tokens }
}

/// The tokens of words seen before.
final class WordCache {
    private var index = ByteIndex()
    private var ends: [Int] = [0]
    private var tokens: [ModelToken] = []

    private static let maximumWords = 1 << 16
    private static let maximumTokens = 1 << 20
    /// Longer pieces rarely come again.
    static let maximumLength = 256

    /// Appends the tokens of a word.
    ///
    /// - Returns: whether the word is known.
    func append(_ word: UnsafeBufferPointer<UInt8>, to output: inout [ModelToken]) -> Bool {
        guard let number = index.find(word) else { return false }
        output.append(contentsOf: tokens[ends[number]..<ends[number + 1]])
        return true
    }

    /// Remembers a word; when memory is used up, everything is forgotten first.
    func insert(_ word: UnsafeBufferPointer<UInt8>, _ found: [ModelToken]) {
        if index.count >= Self.maximumWords || tokens.count >= Self.maximumTokens {
            index.removeAll()
            ends.removeAll(keepingCapacity: true)
            ends.append(0)
            tokens.removeAll(keepingCapacity: true)
        }
        index.insert(word, ends.count - 1)
        tokens.append(contentsOf: found)
        ends.append(tokens.count)
    }
}

/// Lends working memory to whoever encodes; as many exist as encode at the same time.
final class ScratchPool: @unchecked Sendable {
    // The lock guards the array; a scratch is used by one borrower at a time.
    private let lock = NSLock()
    private var idle: [Scratch] = []

    func with<Result>(_ body: (Scratch) throws -> Result) rethrows -> Result {
        let scratch = lock.withLock { idle.popLast() } ?? Scratch()
        defer { lock.withLock { idle.append(scratch) } }
        return try body(scratch)
    }
}
