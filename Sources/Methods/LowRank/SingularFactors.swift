import Torch

/// A singular value decomposition M = U diag(S) Vᵀ with the signs fixed: in every column of U the entry of the largest
/// magnitude (the first of equal ones) is positive. So factors that are computed again are the same ones.
struct SingularFactors {
    /// [out, k], orthonormal columns.
    let u: Tensor
    /// [k], descending.
    let s: Tensor
    /// [k, in], orthonormal rows.
    let vT: Tensor

    /// Decomposes [out, in], in fp32 or the wider type that it has.
    init(of matrix: Tensor) throws {
        let wide = try matrix.dtype == .float64 ? matrix : matrix.to(.float32)
        let (u, s, vT) = try withoutGradients { try wide.svd() }
        let places = try u.abs().argmax(0).unsqueeze(0)
        // Never zero: a column has length 1.
        let signs = try u.gather(0, places).sign()
        self.u = try u * signs
        self.s = s
        self.vT = try vT * signs.t()
    }

    /// The first `rank` of each.
    func leading(_ rank: Int) throws -> (u: Tensor, s: Tensor, vT: Tensor) {
        (
            try u.narrow(1, 0, rank).contiguous(), try s.narrow(0, 0, rank).contiguous(),
            try vT.narrow(0, 0, rank).contiguous()
        )
    }
}
