import Torch

extension Tensor {
    /// [rows, length, heads·head] as [rows, heads, length, head].
    func splitHeads(_ heads: Int) throws -> Tensor {
        let (rows, length) = (try size(0), try size(1))
        return try reshape([rows, length, heads, -1]).transpose(1, 2)
    }
}
