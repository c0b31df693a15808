extension Tensor {
    /// x Wᵀ + b; `weight` is [out, in].
    public func linear(_ weight: Tensor, _ bias: Tensor? = nil) throws -> Tensor { try ATen.linear(self, weight, bias) }

    /// magnitude ∘ (self weightᵀ + scaling·(drop(self) aᵀ) bᵀ) + bias in one node, which keeps its input once and draws
    /// the dropout's mask again in the backward. Without a bias, the magnitude's gradient is had from the output itself.
    /// - Parameters:
    ///   - weight: [out, in].
    ///   - factors: a [rank, in] and b [out, rank], all of the type of `self`.
    ///   - magnitude: what the outputs are multiplied by, [out]; nil for one.
    ///   - dropout: of what goes into `a`, with the key of its mask.
    public func lowRankLinear(
        _ weight: Tensor, _ bias: Tensor?, factors: (a: Tensor, b: Tensor), magnitude: Tensor? = nil, scaling: Double,
        dropout: (p: Double, key: RandomKey)? = nil
    ) throws -> Tensor {
        try ATen.lowRankLinear(
            self, weight, bias, factors.a, factors.b, magnitude, scaling, dropout?.p ?? 0, dropout?.key.integer ?? 0)
    }

    /// self weightᵀ + bias + b ∘ ((d ∘ hidden) sharedᵀ) in one node. `weight` and `shared` are frozen: `shared` gets no
    /// gradient.
    /// - Parameters:
    ///   - weight: [out, in].
    ///   - hidden: [..., rank].
    ///   - scales: d [rank] and b [out].
    ///   - shared: [out, rank], like the others of the type of `self`.
    public func scaledBranchLinear(
        _ weight: Tensor, _ bias: Tensor?, hidden: Tensor, scales: (d: Tensor, b: Tensor), shared: Tensor
    ) throws -> Tensor {
        try ATen.scaledBranchLinear(self, weight, bias, hidden, scales.d, scales.b, shared)
    }

    /// self (weight + scaling·Re(ifft2(F)))ᵀ + bias, where F [out, in] is zero but for the entries of `spectrum`, in one
    /// node that keeps nothing of the weight's size.
    /// - Parameters:
    ///   - weight: [out, in].
    ///   - spectrum: [n], of the type of `self`, which is fp32 or fp64.
    ///   - positions: [n] different places in the rows of F one after the other.
    public func spectralLinear(
        _ weight: Tensor, _ bias: Tensor?, spectrum: Tensor, positions: Tensor, scaling: Double
    ) throws -> Tensor {
        try ATen.spectralLinear(self, weight, bias, spectrum, positions, scaling)
    }

    /// x / √(mean x² + eps)·(weight + offset) over the last dimension, with statistics in fp32 or better.
    public func rmsNorm(_ weight: Tensor, eps: Double, offset: Double = 0) throws -> Tensor {
        try ATen.rmsNorm(self, weight, eps, offset)
    }

    /// The activations whose gated unit is one node.
    public enum GatedActivation: String, Sendable {
        case silu
        case gelu = "none"
        case geluTanh = "tanh"
    }

    /// act(self)·up, whose backward computes the activation again.
    public func gated(_ up: Tensor, by activation: GatedActivation) throws -> Tensor {
        try ATen.gated(self, up, activation.rawValue)
    }

    /// act(self)·up in the memory of `self`. Not for gradients.
    public func gateInPlace(_ up: Tensor, by activation: GatedActivation) throws {
        try ATen.gatedInPlace(self, up, activation.rawValue)
    }

    /// The rows of `self` that `ids` name.
    public func embedding(_ ids: Tensor) throws -> Tensor { try ATen.embedding(self, ids) }

    /// Normalised over the last dimensions of `shape`.
    public func layerNorm(_ shape: [Int], weight: Tensor?, bias: Tensor?, eps: Double) throws -> Tensor {
        try ATen.layerNorm(self, shape, weight, bias, eps)
    }

    /// 2-D convolution; `weight` is [out, in / groups, height, width].
    public func conv2d(
        _ weight: Tensor, _ bias: Tensor?, stride: [Int] = [1, 1], padding: [Int] = [0, 0], dilation: [Int] = [1, 1],
        groups: Int = 1
    ) throws -> Tensor {
        try ATen.conv2d(self, weight, bias, stride, padding, dilation, groups)
    }

    /// 1-D convolution; `weight` is [out, in / groups, width].
    public func conv1d(
        _ weight: Tensor, _ bias: Tensor?, stride: Int = 1, padding: Int = 0, dilation: Int = 1, groups: Int = 1
    ) throws -> Tensor {
        try ATen.conv1d(self, weight, bias, [stride], [padding], [dilation], groups)
    }

    /// Gaussian error linear unit, exact.
    public func gelu() throws -> Tensor { try ATen.gelu(self, "none") }
    /// Gaussian error linear unit in its tanh form.
    public func geluTanh() throws -> Tensor { try ATen.gelu(self, "tanh") }
    /// x·σ(x).
    public func silu() throws -> Tensor { try ATen.silu(self) }
    /// max(x, 0).
    public func relu() throws -> Tensor { try ATen.relu(self) }
    /// x, or `slope`·x below zero.
    public func leakyRelu(_ slope: Double = 0.01) throws -> Tensor { try ATen.leakyRelu(self, slope) }
    /// x held within bounds, gradients too.
    public func hardTanh(_ low: Double = -1, _ high: Double = 1) throws -> Tensor { try ATen.hardtanh(self, low, high) }
    /// Hyperbolic tangents.
    public func tanh() throws -> Tensor { try ATen.tanh(self) }
    /// 1 / (1 + e^-x).
    public func sigmoid() throws -> Tensor { try ATen.sigmoid(self) }
    /// log(1 + e^x).
    public func softplus() throws -> Tensor { try ATen.softplus(self) }
    /// x·tanh(softplus(x)).
    public func mish() throws -> Tensor { try ATen.mish(self) }
    /// Probabilities along a dimension.
    public func softmax(_ dim: Int = -1) throws -> Tensor { try ATen.softmax(self, dim) }
    /// Logarithms of the probabilities along a dimension.
    public func logSoftmax(_ dim: Int = -1) throws -> Tensor { try ATen.logSoftmax(self, dim) }

    /// softmax(q kᵀ·scale + mask) v for [batch, heads, length, head] tensors, without the matrix of probabilities.
    /// - Parameter mask: added to the scores, or true where a key may be seen.
    public static func attention(
        _ q: Tensor, _ k: Tensor, _ v: Tensor, mask: Tensor?, causal: Bool = false, scale: Double
    ) throws -> Tensor {
        try ATen.attention(q, k, v, mask, causal, scale)
    }

    /// Zeroes elements with probability `p` and scales the others by 1 / (1 - p). The mask is a function of `key`: the
    /// backward draws it again, and so does a resumed run.
    public func dropout(_ p: Double, key: RandomKey) throws -> Tensor {
        p > 0 ? try ATen.dropout(self, p, key.integer) : self
    }

    /// The sum of the cross entropies of logits [rows, classes]; rows labelled -100 count nothing.
    public func crossEntropySum(_ labels: Tensor) throws -> Tensor { try ATen.crossEntropySum(self, labels) }

    /// The sum of the cross entropies of `self weightᵀ + bias` [rows, classes] without ever holding all logits: by
    /// chunks of rows, with the gradient made in the forward pass.
    /// - Parameters:
    ///   - labels: [rows], every one of them a class.
    ///   - softcap: logits become softcap·tanh(logits / softcap); nil for none.
    ///   - chunk: rows at a time; nil for about 64 MiB of logits.
    public func linearCrossEntropySum(
        weight: Tensor, bias: Tensor? = nil, labels: Tensor, softcap: Double? = nil, chunk: Int? = nil
    ) throws -> Tensor {
        try ATen.linearCrossEntropy(self, weight, bias, labels, softcap ?? 0, chunk ?? 0)
    }
}
