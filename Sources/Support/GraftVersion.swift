/// Graft's own version, as `graft --version` shows it and adapters record it.
public enum GraftVersion {
    /// Semantic version.
    public static let current = "0.1.0"
}
