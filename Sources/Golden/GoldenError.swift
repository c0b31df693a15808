/// Why a case cannot be replayed: it is neither passed nor failed, but unsupported.
public enum GoldenError: Error, Equatable, CustomStringConvertible {
    /// The replay asks for a tensor that the case does not have.
    case missingTensor(name: String, slug: String, folder: String)
    /// What the case asks for, in words that finish the sentence "the case cannot be replayed: …".
    case unread(String)

    /// One sentence: what is missing and where.
    public var description: String {
        switch self {
        case .missingTensor(let name, let slug, let folder):
            "the case cannot be replayed: the replay of `\(slug)` reads the tensor \(name), which \(folder) does not have"
        case .unread(let text):
            "the case cannot be replayed: \(text)"
        }
    }
}
