/// What a prompt was continued with.
public struct Continuation: Sendable, Equatable {
    /// Why it ends.
    public enum Finish: Sendable, Equatable {
        /// The model wrote a token that ends a text.
        case endToken
        /// One of the stop strings was written.
        case stopString(String)
        /// As many tokens as allowed, or all positions of the model are used.
        case length
    }

    /// Tokens of the prompt, special ones included.
    public var promptTokens: Int
    /// The tokens that were added; an end token is the last of them.
    public var ids: [Int]
    /// The text that was added, without special tokens and without the stop string.
    public var text: String
    /// Why it ends.
    public var finish: Finish
}
