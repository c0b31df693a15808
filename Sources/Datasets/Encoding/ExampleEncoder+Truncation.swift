extension ExampleEncoder {
    /// Shortens a text, or a pair at the longer text first, to the limit; special tokens stay.
    ///
    /// - Parameter firstCount: the number of tokens of a pair's first text; asked only where it matters.
    func truncated(
        _ tokens: TokenSequence, firstCount: (() throws -> Int)?, at location: SourceLocation
    ) throws -> TokenSequence {
        guard let room = try room(for: tokens, at: location) else { return tokens }
        let content = tokens.isSpecial.indices.filter { !tokens.isSpecial[$0] }
        let first = try firstCount.map { min(try $0(), content.count) } ?? content.count
        let (firstRoom, secondRoom) = Self.shares(of: room, first: first, second: content.count - first)
        let kept = Set(keep(firstRoom, of: content[..<first]) + keep(secondRoom, of: content[first...]))
        return tokens.keeping(tokens.isSpecial.indices.filter { tokens.isSpecial[$0] || kept.contains($0) })
    }

    /// Shortens the tokens of a language model's text to the limit. Cut on the right, the end token goes too, since the
    /// text does not end there; cut on the left, inserted tokens at the beginning stay.
    func truncated(_ tokens: TokenSequence, learnt: [Bool], at location: SourceLocation) throws -> LearnableTokens {
        if try room(for: tokens, at: location) == nil { return (tokens, learnt) }
        let head = options.truncation == .left ? tokens.isSpecial.prefix { $0 }.count : limit
        let places = Array(0..<head) + Array(tokens.count - (limit - head)..<tokens.count)
        return (tokens.keeping(places), places.map { learnt[$0] })
    }

    /// How many tokens of text fit beside the special tokens; nil where nothing needs to go.
    ///
    /// - Throws: `DatasetError.tooLong` where truncation is off, `.noRoom` where special tokens fill the limit.
    private func room(for tokens: TokenSequence, at location: SourceLocation) throws(DatasetError) -> Int? {
        if tokens.count <= limit { return nil }
        if options.truncation == .error { throw .tooLong(location, tokens: tokens.count, limit: limit) }
        let special = tokens.isSpecial.count { $0 }
        guard special < limit else { throw .noRoom(location, limit: limit, specialTokens: special) }
        return limit - special
    }

    /// The shorter text keeps up to half of the room, the longer one the rest.
    static func shares(of room: Int, first: Int, second: Int) -> (first: Int, second: Int) {
        let shorter = min(first, second, room / 2)
        return first > second ? (room - shorter, shorter) : (shorter, room - shorter)
    }

    private func keep(_ count: Int, of places: ArraySlice<Int>) -> [Int] {
        Array(options.truncation == .left ? places.suffix(count) : places.prefix(count))
    }
}
