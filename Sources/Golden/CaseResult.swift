import JSON

/// How one case came out.
public struct CaseResult: Sendable {
    /// The three ways a case can end.
    public enum Status: String, Sendable {
        case pass
        case fail
        case unsupported
    }

    /// The case's slug, name and kind.
    public var slug: String
    /// The case within its slug.
    public var name: String
    /// How it was read.
    public var kind: String
    /// How it ended.
    public var status: Status
    /// The largest error as a share of what the tolerance allows: at most 1 in a case that passes.
    public var maxError: Double
    /// What differed, or why it could not be run.
    public var detail: String

    /// A result with the given parts.
    public init(
        slug: String, name: String, kind: String, status: Status, maxError: Double, detail: String
    ) {
        self.slug = slug
        self.name = name
        self.kind = kind
        self.status = status
        self.maxError = maxError
        self.detail = detail
    }

    /// The line that `graft verify --json` prints.
    public var json: JSON {
        [
            "slug": .string(slug), "case": .string(name), "kind": .string(kind), "status": .string(status.rawValue),
            "max_error": maxError.isFinite ? .double(maxError) : .null, "detail": .string(detail),
        ]
    }
}
