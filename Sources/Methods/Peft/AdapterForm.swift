/// What an adapter becomes when it is written.
public enum AdapterForm: String, Sendable, CaseIterable {
    /// An adapter of the untouched base. PiSSA and OLoRA, which are trained on a residual of it, become plain LoRA of
    /// twice the rank; what cannot be converted stays as it was trained, with a note.
    case portable
    /// As it was trained: readers compute the residual of PiSSA, OLoRA and LoftQ again.
    case raw
    /// Portable, and with one rank and one scale for all modules, for readers that overlook `rank_pattern` and
    /// `alpha_pattern` (vLLM): smaller ranks are filled up with zeros, and B takes the scale.
    case uniform
}
