extension Tensor {
    /// Sum, with broadcasting.
    public static func + (a: Tensor, b: Tensor) throws -> Tensor { try ATen.add(a, b) }
    /// Difference, with broadcasting.
    public static func - (a: Tensor, b: Tensor) throws -> Tensor { try ATen.sub(a, b) }
    /// Product of elements, with broadcasting.
    public static func * (a: Tensor, b: Tensor) throws -> Tensor { try ATen.mul(a, b) }
    /// Quotient of elements, with broadcasting.
    public static func / (a: Tensor, b: Tensor) throws -> Tensor { try ATen.div(a, b) }
    /// A number added to every element.
    public static func + (a: Tensor, b: Double) throws -> Tensor { try ATen.addScalar(a, b) }
    /// A number subtracted from every element.
    public static func - (a: Tensor, b: Double) throws -> Tensor { try ATen.addScalar(a, -b) }
    /// Every element times a number.
    public static func * (a: Tensor, b: Double) throws -> Tensor { try ATen.mulScalar(a, b) }
    /// Every element divided by a number.
    public static func / (a: Tensor, b: Double) throws -> Tensor { try ATen.divScalar(a, b) }
    /// Every element with the other sign.
    public static prefix func - (a: Tensor) throws -> Tensor { try ATen.neg(a) }

    /// Every element to a power.
    public func pow(_ exponent: Double) throws -> Tensor { try ATen.powScalar(self, exponent) }
    /// A number to the power of every element.
    public static func pow(_ base: Double, _ exponent: Tensor) throws -> Tensor { try ATen.scalarPow(base, exponent) }
    /// The larger of two, element by element.
    public func maximum(_ other: Tensor) throws -> Tensor { try ATen.maximum(self, other) }
    /// The smaller of two, element by element.
    public func minimum(_ other: Tensor) throws -> Tensor { try ATen.minimum(self, other) }
    /// Elements held within bounds.
    public func clamp(_ low: Double, _ high: Double) throws -> Tensor { try ATen.clamp(self, low, high) }
    /// Absolute values.
    public func abs() throws -> Tensor { try ATen.abs(self) }
    /// -1, 0 or 1.
    public func sign() throws -> Tensor { try ATen.sign(self) }
    /// e to the power of every element.
    public func exp() throws -> Tensor { try ATen.exp(self) }
    /// Natural logarithms.
    public func log() throws -> Tensor { try ATen.log(self) }
    /// Square roots.
    public func sqrt() throws -> Tensor { try ATen.sqrt(self) }
    /// One over the square roots.
    public func rsqrt() throws -> Tensor { try ATen.rsqrt(self) }
    /// Sines.
    public func sin() throws -> Tensor { try ATen.sin(self) }
    /// Cosines.
    public func cos() throws -> Tensor { try ATen.cos(self) }
    /// The next integer below.
    public func floor() throws -> Tensor { try ATen.floor(self) }
    /// The nearest integer, halves to even.
    public func round() throws -> Tensor { try ATen.round(self) }

    /// Adds `other`·`alpha` in place.
    public func addInPlace(_ other: Tensor, alpha: Double = 1) throws { try ATen.addInPlace(self, other, alpha) }
    /// Multiplies in place.
    public func mulInPlace(_ other: Tensor) throws { try ATen.mulInPlace(self, other) }
    /// Multiplies by a number in place.
    public func mulInPlace(_ value: Double) throws { try ATen.mulScalarInPlace(self, value) }
    /// Takes the numbers of another tensor, converted and broadcast.
    public func copyInPlace(_ source: Tensor) throws { try ATen.copyInPlace(self, source) }
    /// Sets all elements to zero.
    public func zeroInPlace() throws { try ATen.zeroInPlace(self) }

    /// True where equal.
    public func eq(_ other: Tensor) throws -> Tensor { try ATen.eq(self, other) }
    /// True where equal to a number.
    public func eq(_ value: Double) throws -> Tensor { try ATen.eqScalar(self, value) }
    /// True where different from a number.
    public func ne(_ value: Double) throws -> Tensor { try ATen.neScalar(self, value) }
    /// True where smaller.
    public func lt(_ other: Tensor) throws -> Tensor { try ATen.lt(self, other) }
    /// True where smaller than a number.
    public func lt(_ value: Double) throws -> Tensor { try ATen.ltScalar(self, value) }
    /// True where smaller or equal.
    public func le(_ other: Tensor) throws -> Tensor { try ATen.le(self, other) }
    /// True where larger.
    public func gt(_ other: Tensor) throws -> Tensor { try ATen.gt(self, other) }
    /// True where larger than a number.
    public func gt(_ value: Double) throws -> Tensor { try ATen.gtScalar(self, value) }
    /// True where at least a number.
    public func ge(_ value: Double) throws -> Tensor { try ATen.geScalar(self, value) }
    /// Both true.
    public func and(_ other: Tensor) throws -> Tensor { try ATen.logicalAnd(self, other) }
    /// One of them true.
    public func or(_ other: Tensor) throws -> Tensor { try ATen.logicalOr(self, other) }
    /// Not true.
    public func not() throws -> Tensor { try ATen.logicalNot(self) }
    /// True when every element is true.
    public func all() throws -> Bool { try ATen.all(self) }
    /// False when one element is NaN or infinite.
    public func isAllFinite() throws -> Bool { try ATen.isAllFinite(self) }
    /// True when shape and all elements are equal.
    public func isEqual(to other: Tensor) throws -> Bool { try ATen.equal(self, other) }

    /// The sum of all elements.
    public func sum() throws -> Tensor { try ATen.sumAll(self) }
    /// Sums over dimensions.
    public func sum(_ dims: [Int], keepDim: Bool = false) throws -> Tensor { try ATen.sum(self, dims, keepDim) }
    /// The mean of all elements.
    public func mean() throws -> Tensor { try ATen.meanAll(self) }
    /// Means over dimensions.
    public func mean(_ dims: [Int], keepDim: Bool = false) throws -> Tensor { try ATen.mean(self, dims, keepDim) }
    /// Maxima over dimensions; over all when none are given.
    public func amax(_ dims: [Int] = [], keepDim: Bool = false) throws -> Tensor { try ATen.amax(self, dims, keepDim) }
    /// Minima over dimensions; over all when none are given.
    public func amin(_ dims: [Int] = [], keepDim: Bool = false) throws -> Tensor { try ATen.amin(self, dims, keepDim) }
    /// Running sums along a dimension.
    public func cumsum(_ dim: Int) throws -> Tensor { try ATen.cumsum(self, dim) }
    /// log Σ exp over dimensions.
    public func logSumExp(_ dims: [Int], keepDim: Bool = false) throws -> Tensor {
        try ATen.logsumexp(self, dims, keepDim)
    }
    /// The vector norm over dimensions; over all when none are given.
    public func norm(_ order: Double = 2, dims: [Int] = [], keepDim: Bool = false) throws -> Tensor {
        try ATen.vectorNorm(self, order, dims, keepDim)
    }
    /// The index of the largest element of a dimension.
    public func argmax(_ dim: Int) throws -> Tensor { try ATen.argmax(self, dim) }
    /// Elements in order, with their indices; equal elements keep their order.
    public func sorted(_ dim: Int, descending: Bool = false) throws -> (values: Tensor, indices: Tensor) {
        try ATen.sort(self, dim, descending)
    }
    /// The k largest (or smallest) elements in order, with their indices.
    public func topK(_ k: Int, dim: Int = -1, largest: Bool = true) throws -> (values: Tensor, indices: Tensor) {
        try ATen.topk(self, k, dim, largest)
    }
    /// For each value the place in `self`, which is sorted, where it belongs.
    public func searchSorted(_ values: Tensor, right: Bool = false) throws -> Tensor {
        try ATen.searchsorted(self, values, right)
    }

    /// Matrix product, with leading dimensions broadcast.
    public func matmul(_ other: Tensor) throws -> Tensor { try ATen.matmul(self, other) }
    /// `beta`·self + `alpha`·(m1 m2) for matrices.
    public func addmm(_ m1: Tensor, _ m2: Tensor, beta: Double = 1, alpha: Double = 1) throws -> Tensor {
        try ATen.addmm(self, m1, m2, beta, alpha)
    }
    /// Thin singular value decomposition, singular values falling: U, S, Vᵀ.
    public func svd() throws -> (u: Tensor, s: Tensor, vT: Tensor) { try ATen.svd(self) }
    /// Reduced QR decomposition.
    public func qr() throws -> (q: Tensor, r: Tensor) { try ATen.qr(self) }
    /// Eigenvalues, rising, and eigenvectors of a symmetric matrix.
    public func eigh() throws -> (values: Tensor, vectors: Tensor) { try ATen.eigh(self) }
    /// The real part of the two-dimensional inverse discrete Fourier transform of a real matrix, divided by its size.
    public func inverseFourierReal() throws -> Tensor { try ATen.ifft2Real(self) }
}
