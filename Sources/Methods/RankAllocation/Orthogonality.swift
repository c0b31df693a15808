import Torch

/// How far the factors of products in SVD form are from orthonormal: the mean over all of them of ‖A Aᵀ − I‖_F and
/// ‖Bᵀ B − I‖_F.
/// - Parameter factors: A [r, in] and B [out, r] of each module.
func orthogonality(of factors: [(a: Tensor, b: Tensor)]) throws -> Tensor {
    let grams = try factors.flatMap { [try $0.a.matmul($0.a.t()), try $0.b.t().matmul($0.b)] }
    // Those of one size at once: they are many and tiny.
    let sizes = try Dictionary(grouping: grams) { try $0.size(0) }.sorted { $0.key < $1.key }
    let distances = try sizes.map { size, grams in
        try (Tensor.stack(grams) - Tensor.identity(size, like: grams[0])).norm(dims: [1, 2])
    }
    return try Tensor.cat(distances).mean()
}

extension Tensor {
    /// The identity of a size, in another tensor's type and place.
    fileprivate static func identity(_ size: Int, like other: Tensor) throws -> Tensor {
        let row = try arange(to: Double(size), device: other.device)
        return try row.unsqueeze(0).eq(row.unsqueeze(1)).to(other.dtype)
    }
}
