/// Something that was done differently from what the user may expect, or that deserves a look.
public struct RunWarning: Sendable, Hashable {
    /// A short stable name in kebab case, for scripts and for `--strict`.
    public var code: String
    /// One sentence for a person.
    public var message: String
    /// Optimizer steps taken when it was raised.
    public var step: Int

    /// States a warning.
    public init(code: String, message: String, step: Int = 0) {
        self.code = code
        self.message = message
        self.step = step
    }
}
