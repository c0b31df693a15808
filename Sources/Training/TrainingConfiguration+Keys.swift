extension TrainingConfiguration {
    /// The name of a key that a configuration may also write otherwise: `train_file` for `data`, `r` for `rank`.
    public static func canonicalKey(_ key: String) -> String {
        synonyms[key] ?? key
    }
}
