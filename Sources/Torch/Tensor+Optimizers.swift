extension Tensor {
    /// Zeros of the same shape, type and device.
    public func zerosLike() throws -> Tensor { try ATen.zerosLike(self) }

    /// One step of AdamW in place, on this tensor and its moments.
    /// - Parameter clock: the number of this step, from 1, as a tensor.
    public func fusedAdamW(
        gradient: Tensor, mean: Tensor, square: Tensor, clock: Tensor, learningRate: Double, beta1: Double,
        beta2: Double, weightDecay: Double, eps: Double
    ) throws {
        try ATen.fusedAdamwInPlace(
            self, gradient, mean, square, clock, learningRate, beta1, beta2, weightDecay, eps)
    }

    /// One step of SGD in place, on this tensor and its momentum.
    public func fusedSGD(
        gradient: Tensor, momentumBuffer: Tensor, learningRate: Double, momentum: Double, weightDecay: Double,
        isFirst: Bool
    ) throws {
        try ATen.fusedSgdInPlace(
            self, gradient, momentumBuffer, weightDecay, momentum, learningRate, 0, false, isFirst)
    }
}
