import Torch

/// A named tensor of a network. Its base value is frozen and never written; an adapter may put its own tensor in its
/// place, and taking that away restores the base exactly.
public final class Parameter {
    /// The path in the network, as Hugging Face names it: `bert.encoder.layer.0.attention.self.query.weight`.
    public let name: String
    /// The name in the checkpoint file, where that differs in older layouts.
    public let fileName: String
    /// The frozen value.
    public let base: Tensor
    /// True when the checkpoint had no such tensor and it was drawn at random; false in a network without a checkpoint.
    public let isNew: Bool
    /// True when `base` is as its file has it, whatever type the network computes in, and pages are let go of after use.
    public let isStreamed: Bool
    /// What an adapter put in the base's place.
    public private(set) var replacement: Tensor?

    init(name: String, fileName: String, base: Tensor, isNew: Bool, isStreamed: Bool = false) {
        self.name = name
        self.fileName = fileName
        self.base = base
        self.isNew = isNew
        self.isStreamed = isStreamed
    }

    /// The value that the network computes with.
    public var value: Tensor {
        replacement ?? base
    }

    /// Lets go of the memory that a streamed base holds of its file until it is read again; of others, nothing.
    public func releaseStreamed() throws {
        if isStreamed { try base.releasePages() }
    }

    /// Puts a tensor in the base's place; nil takes it away again.
    public func replace(with tensor: Tensor?) throws {
        if let tensor {
            let (expected, found) = (try base.shape, try tensor.shape)
            guard expected == found else { throw NetworkError.shape(name: name, expected: expected, found: found) }
        }
        replacement = tensor
    }
}
