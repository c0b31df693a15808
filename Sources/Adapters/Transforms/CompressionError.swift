/// What can be wrong with compressing an adapter, or with a compressed one.
public enum CompressionError: Error, Equatable, Sendable, CustomStringConvertible {
    /// An option that cannot be.
    case option(String)
    /// Nothing to compress.
    case empty
    /// A tensor with NaN or infinity in it.
    case notFinite(name: String)
    /// A tensor has another shape than before the training.
    case shape(name: String, expected: [Int], found: [Int])
    /// The adapter has a tensor that its start lacks, or the other way round.
    case unmatched(name: String)
    /// The adapter does not say from which numbers it started.
    case noSeed(adapter: String)
    /// The start was drawn by another program or version.
    case otherAlgorithm(found: String, expected: String)
    /// A compressed file that contradicts itself.
    case damaged(file: String, problem: String)
    /// The file was written by a newer program.
    case version(file: String, found: String)
    /// The start that was found is not the one that the update belongs to.
    case otherStart(file: String, expected: String, found: String)
    /// The base is needed and was not named.
    case noBase(adapter: String)

    /// One sentence: what is wrong and what to do.
    public var description: String {
        switch self {
        case .option(let problem): problem
        case .empty: "the adapter has no tensors: there is nothing to compress"
        case .notFinite(let name): "the tensor \(quoted(name)) holds NaN or infinite values: the training diverged"
        case .shape(let name, let expected, let found):
            "the tensor \(quoted(name)) has shape \(found), but started with \(expected)"
        case .unmatched(let name):
            "the tensor \(quoted(name)) is only in one of adapter and start: the adapter was not trained by this method on "
                + "this base; use --lora-reference zero"
        case .noSeed(let adapter):
            "\(adapter) does not record the seed of its start, which only adapters trained by Graft do: use "
                + "--lora-reference zero"
        case .otherAlgorithm(let found, let expected):
            "the adapter's start was drawn with \(found), this program draws with \(expected): use --lora-reference zero"
        case .damaged(let file, let problem): "\(file) is damaged: \(problem)"
        case .version(let file, let found):
            "\(file) has the format version \(quoted(found)), this program reads version 1: use a newer graft"
        case .otherStart(let file, let expected, let found):
            "\(file) belongs to a start with the digest \(expected), but the start computed here has \(found): name the base "
                + "that the adapter was trained on"
        case .noBase(let adapter):
            "\(adapter) starts from draws on its base, which it does not name or which is not there: name the checkpoint "
                + "with --model"
        }
    }
}
