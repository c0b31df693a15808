import JSON

/// How texts that are too long are cut.
public struct Truncation: Sendable, Equatable {
    /// From which text of a pair tokens are taken.
    public enum Strategy: String, Sendable, CaseIterable {
        case longestFirst = "LongestFirst"
        case onlyFirst = "OnlyFirst"
        case onlySecond = "OnlySecond"
    }

    /// Which end is cut off.
    public enum Direction: String, Sendable, CaseIterable {
        case left = "Left"
        case right = "Right"
    }

    /// The most tokens, special ones included.
    public var maximumLength: Int
    /// How many tokens neighbouring windows share.
    public var stride: Int
    /// From which text of a pair tokens are taken.
    public var strategy: Strategy
    /// Which end is cut off.
    public var direction: Direction

    /// Cuts at the right, from the longer text first, without overlap.
    public init(
        maximumLength: Int, stride: Int = 0, strategy: Strategy = .longestFirst, direction: Direction = .right
    ) {
        self.maximumLength = maximumLength
        self.stride = stride
        self.strategy = strategy
        self.direction = direction
    }
}

extension Truncation {
    init(_ node: JSON.Node) throws {
        self.init(
            maximumLength: try node.field("max_length").int(in: 0...Int.max),
            stride: try node.field("stride").int(in: 0...Int.max),
            strategy: try node.field("strategy").choice(Strategy.self),
            direction: try node.optional("direction")?.choice(Direction.self) ?? .right)
    }

    /// Cuts one text or a pair.
    ///
    /// A maximum that does not even hold the special tokens cuts nothing: the reference does so.
    ///
    /// - Parameter added: the tokens that the post-processor will add.
    /// - Throws: `TokenizerError.truncation` where the lengths cannot be met.
    func apply(_ first: inout Encoding, _ second: inout Encoding?, added: Int) throws {
        guard maximumLength >= added else { return }
        let limit = maximumLength - added
        let total = first.count + (second?.count ?? 0)
        if limit > 0, total <= limit { return }
        switch strategy {
        case _ where limit == 0:
            try cut(&first, to: 0)
            if second != nil { try cut(&second, to: 0) }
        case .longestFirst:
            let (left, right) = Self.share(limit, first.count, second?.count)
            try cut(&first, to: left)
            try cut(&second, to: right)
        case .onlyFirst:
            try cut(&first, to: try Self.rest(first.count, total - limit))
        case .onlySecond:
            guard let count = second?.count else {
                throw TokenizerError.truncation(reason: "the second text of the pair is to be cut, but there is none")
            }
            try cut(&second, to: try Self.rest(count, total - limit))
        }
    }

    private static func rest(_ count: Int, _ surplus: Int) throws -> Int {
        guard count > surplus else {
            throw TokenizerError.truncation(
                reason: "\(surplus) tokens are too many, but the text to be cut has only \(count)")
        }
        return count - surplus
    }

    /// The lengths of both texts: the shorter keeps what it has, as long as it has not more than half.
    private static func share(_ limit: Int, _ first: Int, _ second: Int?) -> (Int, Int) {
        guard let second else { return (min(first, limit), 0) }
        let short = min(first, second)
        var long = short > limit ? short : max(short, limit - short)
        var least = short
        if least + long > limit {
            least = limit / 2
            long = least + limit % 2
        }
        return first > second ? (long, least) : (least, long)
    }

    private func cut(_ encoding: inout Encoding?, to length: Int) throws {
        guard var value = encoding else { return }
        try cut(&value, to: length)
        encoding = value
    }

    private func cut(_ encoding: inout Encoding, to length: Int) throws {
        let count = encoding.count
        if length >= count { return }
        if length == 0 {
            var empty = Encoding()
            empty.overflowing = [encoding]
            encoding = empty
            return
        }
        guard stride < length else {
            throw TokenizerError.truncation(
                reason: "the stride of \(stride) must be less than the \(length) tokens that a window has for the text")
        }
        let windowCount = (count - stride + length - stride - 1) / (length - stride)
        guard windowCount * length <= Self.leastWindowTokens + count * Self.mostOverlap else {
            throw TokenizerError.truncation(
                reason:
                    "a stride of \(stride) cuts \(count) tokens into \(windowCount) windows of \(length), which hold "
                    + "too many in all; choose a smaller stride")
        }
        let windows = self.windows(count, length)
        var kept = encoding.slice(windows[0])
        kept.overflowing = windows.dropFirst().map { encoding.slice($0) }
        encoding = kept
    }

    /// Refuses parts whose windows, each with each, would hold far more than the parts do: a template may name a text as
    /// often as it likes.
    static func requireFewWindows(_ parts: [Encoding]) throws {
        var (windows, total, own) = (1.0, 0.0, 0.0)
        for part in parts {
            windows *= Double(part.overflowing.count + 1)
            total += Double(part.count)
            own += Double(part.count * (part.overflowing.count + 1))
        }
        guard windows * total > Double(leastWindowTokens) + own * Double(mostOverlap) else { return }
        throw TokenizerError.truncation(
            reason: "the \(parts.count) parts of its template have windows that, each with each, hold "
                + "\(Int(min(windows * total, 1e15))) tokens, which is too many; name each text once, or cut without windows"
        )
    }

    /// Windows that overlap nearly whole would hold the square of the text.
    private static let (leastWindowTokens, mostOverlap) = (1 << 20, 16)

    private func windows(_ count: Int, _ length: Int) -> [Range<Int>] {
        var windows: [Range<Int>] = []
        var edge = 0
        while true {
            let window =
                direction == .right
                ? edge..<min(edge + length, count) : max(0, count - edge - length)..<(count - edge)
            windows.append(window)
            if direction == .right ? window.upperBound == count : window.lowerBound == 0 { return windows }
            edge += length - stride
        }
    }
}

extension JSON.Node {
    /// The case whose raw value is the string here.
    func choice<Choice: RawRepresentable & CaseIterable>(_ type: Choice.Type) throws -> Choice
    where Choice.RawValue == String {
        let name = try string()
        guard let choice = Choice(rawValue: name) else {
            throw mismatch(
                "one of " + Choice.allCases.map(\.rawValue).joined(separator: ", "), found: "\"\(name)\"")
        }
        return choice
    }
}
