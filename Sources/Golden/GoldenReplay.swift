/// How the cases of one or several slugs are run through the types that training uses. A method declares its own.
public struct GoldenReplay: Sendable {
    /// The slugs it can replay.
    public let slugs: [String]
    private let body: @Sendable (GoldenCase) throws -> CaseResult

    /// - Parameters:
    ///   - slugs: the slugs that cases name as their method.
    ///   - body: runs one case; what it throws is a failed case.
    public init(_ slugs: String..., body: @escaping @Sendable (GoldenCase) throws -> CaseResult) {
        self.slugs = slugs
        self.body = body
    }

    /// Runs one case.
    public func run(_ golden: GoldenCase) throws -> CaseResult {
        try body(golden)
    }
}
