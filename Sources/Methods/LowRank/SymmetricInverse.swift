import Torch

extension Tensor {
    /// The inverse of a symmetric, positive definite matrix, through its eigenvalues.
    func symmetricInverse() throws -> Tensor {
        let (values, vectors) = try eigh()
        return try (vectors / values).matmul(vectors.t())
    }
}
