import Tokenizers

/// One prompt of a batch while it is being continued.
struct GenerationRow {
    /// Its place among the prompts.
    let index: Int
    let promptTokens: Int
    /// Prompt and continuation.
    private(set) var ids: [Int]
    private(set) var finish: Continuation.Finish?
    private var text = ""
    private var decoding: DecodeStream
    private var stops: StopMatcher

    init(index: Int, prompt: [Int], tokenizer: Tokenizer, stopStrings: [String]) {
        self.index = index
        promptTokens = prompt.count
        ids = prompt
        decoding = DecodeStream(tokenizer)
        stops = StopMatcher(stopStrings)
    }

    var newTokens: Int { ids.count - promptTokens }

    /// Takes the next token.
    /// - Parameters:
    ///   - isEnd: the token ends a text.
    ///   - isLast: no further token is allowed.
    /// - Returns: the text that is complete now.
    mutating func append(_ id: Int, isEnd: Bool, isLast: Bool) throws -> String {
        ids.append(id)
        if isEnd {
            finish = .endToken
            return try close(with: "")
        }
        let (free, stop) = stops.append(try decoding.append(id))
        text += free
        if let stop {
            finish = .stopString(stop)
        } else if isLast {
            finish = .length
            return try close(with: free)
        }
        return free
    }

    /// Gives out what was held back, unless it completes a stop string.
    private mutating func close(with free: String) throws -> String {
        let (rest, stop) = stops.append(try decoding.finish())
        if let stop { finish = .stopString(stop) }
        let last = rest + (stop == nil ? stops.finish() : "")
        text += last
        return free + last
    }

    var continuation: Continuation {
        Continuation(
            promptTokens: promptTokens, ids: Array(ids.dropFirst(promptTokens)), text: text, finish: finish ?? .length)
    }
}
