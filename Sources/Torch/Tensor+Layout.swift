extension Tensor {
    /// The same numbers as another type; itself when nothing changes.
    public func to(_ dtype: DType) throws -> Tensor { try ATen.toDtype(self, dtype) }

    /// The same numbers on another device; itself when nothing changes.
    public func to(_ device: Device, nonBlocking: Bool = false) throws -> Tensor {
        try ATen.toDevice(self, device, nonBlocking)
    }

    /// A copy of its own.
    public func clone() throws -> Tensor { try ATen.clone(self) }

    /// Row-major in memory; itself when it already is.
    public func contiguous() throws -> Tensor { try ATen.contiguous(self) }

    /// Another shape of the same elements; one size may be -1.
    public func reshape(_ shape: [Int]) throws -> Tensor { try ATen.reshape(self, shape) }

    /// Repeats dimensions of size 1 without a copy; -1 keeps a size.
    public func expand(_ shape: [Int]) throws -> Tensor { try ATen.expand(self, shape) }

    /// Dimensions in another order.
    public func permute(_ dims: [Int]) throws -> Tensor { try ATen.permute(self, dims) }

    /// Two dimensions swapped.
    public func transpose(_ a: Int, _ b: Int) throws -> Tensor { try ATen.transpose(self, a, b) }

    /// The transpose of a matrix.
    public func t() throws -> Tensor { try ATen.transpose(self, 0, 1) }

    /// A new dimension of size 1.
    public func unsqueeze(_ dim: Int) throws -> Tensor { try ATen.unsqueeze(self, dim) }

    /// Without a dimension of size 1.
    public func squeeze(_ dim: Int) throws -> Tensor { try ATen.squeeze(self, dim) }

    /// One index of a dimension.
    public func select(_ dim: Int, _ index: Int) throws -> Tensor { try ATen.select(self, dim, index) }

    /// A range of a dimension.
    public func narrow(_ dim: Int, _ start: Int, _ length: Int) throws -> Tensor {
        try ATen.narrow(self, dim, start, length)
    }

    /// Every `step`-th index of a range of a dimension.
    public func slice(_ dim: Int, from start: Int = 0, to end: Int, step: Int = 1) throws -> Tensor {
        try ATen.slice(self, dim, start, end, step)
    }

    /// The diagonal of a matrix, a view.
    public func diagonal() throws -> Tensor { try ATen.diagonal(self) }

    /// The order of the given dimensions reversed.
    public func flip(_ dims: [Int]) throws -> Tensor { try ATen.flip(self, dims) }

    /// Each index of a dimension `repeats` times in a row.
    public func repeatInterleave(_ repeats: Int, dim: Int) throws -> Tensor {
        try ATen.repeatInterleave(self, repeats, dim)
    }

    /// Tensors one after the other along a dimension.
    public static func cat(_ tensors: [Tensor], dim: Int = 0) throws -> Tensor { try ATen.cat(tensors, dim) }

    /// Tensors side by side along a new dimension.
    public static func stack(_ tensors: [Tensor], dim: Int = 0) throws -> Tensor { try ATen.stack(tensors, dim) }

    /// The lower triangle.
    public func tril(_ diagonal: Int = 0) throws -> Tensor { try ATen.tril(self, diagonal) }

    /// The upper triangle.
    public func triu(_ diagonal: Int = 0) throws -> Tensor { try ATen.triu(self, diagonal) }

    /// The given indices of a dimension.
    public func indexSelect(_ dim: Int, _ index: Tensor) throws -> Tensor { try ATen.indexSelect(self, dim, index) }

    /// `out[i][j] = self[index[i][j]][j]` and so on for the other dimensions.
    public func gather(_ dim: Int, _ index: Tensor) throws -> Tensor { try ATen.gather(self, dim, index) }

    /// A copy with the elements of `source` at `index` along a dimension.
    public func scatter(_ dim: Int, _ index: Tensor, _ source: Tensor) throws -> Tensor {
        try ATen.scatter(self, dim, index, source)
    }

    /// A copy with the slices of `source` added at `index` of a dimension.
    public func indexAdd(_ dim: Int, _ index: Tensor, _ source: Tensor) throws -> Tensor {
        try ATen.indexAdd(self, dim, index, source)
    }

    /// The elements where `mask` holds, in row-major order.
    public func maskedSelect(_ mask: Tensor) throws -> Tensor { try ATen.maskedSelect(self, mask) }

    /// A copy with `value` where `mask` holds.
    public func maskedFill(_ mask: Tensor, _ value: Double) throws -> Tensor { try ATen.maskedFill(self, mask, value) }

    /// Indices of the elements that are not zero, [count, rank].
    public func nonzero() throws -> Tensor { try ATen.nonzero(self) }

    /// `a` where the condition holds, else `b`.
    public static func `where`(_ condition: Tensor, _ a: Tensor, _ b: Tensor) throws -> Tensor {
        try ATen.selectWhere(condition, a, b)
    }
}
