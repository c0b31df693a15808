extension Tensor {
    /// True when gradients flow to this tensor.
    public var requiresGrad: Bool {
        get throws { try ATen.requiresGrad(self) }
    }

    /// Makes a leaf that gradients flow to, or stops that.
    @discardableResult
    public func setRequiresGrad(_ on: Bool) throws -> Tensor {
        try ATen.setRequiresGrad(self, on)
        return self
    }

    /// The same numbers without history.
    public func detach() throws -> Tensor { try ATen.detach(self) }

    /// Adds the gradients of this scalar to the leaves it came from.
    /// - Parameter gradient: needed when the tensor is not a scalar.
    public func backward(_ gradient: Tensor? = nil) throws { try ATen.backward(self, gradient) }

    /// The gradient that `backward` left here; nil when there is none.
    public var grad: Tensor? {
        get throws { try ATen.hasGrad(self) ? try ATen.grad(self) : nil }
    }

    /// Replaces or removes the gradient.
    public func setGrad(_ gradient: Tensor?) throws { try ATen.setGrad(self, gradient) }
}

/// Runs `body` without recording gradients. The switch belongs to the thread, so `body` must not suspend.
public func withoutGradients<Result>(_ body: () throws -> Result) throws -> Result {
    let before = try ATen.setGradEnabled(false)
    do {
        let result = try body()
        _ = try ATen.setGradEnabled(before)
        return result
    } catch {
        _ = try ATen.setGradEnabled(before)
        throw error
    }
}
