import Networks
import Torch

/// Texts of a batch, filled up on their left so that their last tokens stand in one column.
struct PaddedTexts {
    private var ids: [[Int64]]
    /// Columns of padding before each text.
    private var padding: [Int]

    init(_ texts: [[Int]]) {
        let columns = texts.map(\.count).max() ?? 0
        padding = texts.map { columns - $0.count }
        // The id of a padded place is never seen; 0 is one that every model has.
        ids = zip(texts, padding).map { text, padding in
            Array(repeating: 0, count: padding) + text.map(Int64.init)
        }
    }

    /// Adds a token to each text, and drops the texts that are not kept.
    mutating func append(_ next: [Int], keeping kept: [Int]) {
        ids = kept.map { ids[$0] + [Int64(next[$0])] }
        padding = kept.map { padding[$0] }
        // Padding that no text needs any more could go, but the cache has it.
    }

    /// Number of texts.
    var count: Int { ids.count }
    /// Tokens of a text, padding among them.
    var columns: Int { ids.first?.count ?? 0 }

    /// The columns after the first `seen` of some rows, as a network takes them: positions count each text's own tokens.
    /// - Parameter inserted: tokens that the network has put before the texts when it read their first columns.
    func input(_ rows: Range<Int>, seen: Int, inserted: Int = 0, on device: Device) throws -> ModelInput {
        let (ids, padding) = (ids[rows], padding[rows])
        let shape = [rows.count, columns - seen]
        let first = seen == 0 ? 0 : inserted
        let positions = padding.flatMap { padding in (seen..<columns).map { Int64(first + max(0, $0 - padding)) } }
        var mask: Tensor?
        if padding.contains(where: { $0 > 0 }) {
            let marks = padding.flatMap { padding in (0..<columns).map { Int64($0 < padding ? 0 : 1) } }
            mask = try Tensor(marks, shape: [rows.count, columns]).to(device)
        }
        return ModelInput(
            inputIDs: try Tensor(ids.flatMap { $0[seen...] }, shape: shape).to(device), attentionMask: mask,
            positionIDs: try Tensor(positions, shape: shape).to(device))
    }
}
