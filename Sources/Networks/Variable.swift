import Torch

/// A tensor that belongs to an adapter, by name. The box stays while the tensor in it may be moved into an optimizer's
/// buffer, loaded, or grown.
public final class Variable {
    /// What a tensor of an adapter is for, and so where it is kept.
    public enum Role: Sendable, Equatable {
        /// Trained, and in the adapter's file.
        case trainable
        /// Not trained, but needed to compute with the adapter and not to be had otherwise: in the adapter's file.
        /// Locations that the data chose, fixed factors of a decomposition.
        case frozen
        /// Drawn from the method's key and never changed: in no file where the seed is recorded, and drawn again.
        case seeded
        /// What the method keeps for the rest of the training, such as queues, averages and the start of a residual:
        /// in checkpoints, not in the adapter's file.
        case state
    }

    /// `<module path>.lora_A.weight`, or the parameter's name for a whole parameter.
    public let name: String
    /// What it is for.
    public let role: Role
    /// The tensor.
    public private(set) var value: Tensor
    /// How an adapter's file holds it, where that is not as it is. Checkpoints of a training hold it as it is.
    public let packing: (any TensorPacking)?

    /// A tensor of an adapter; a trainable one becomes a leaf that gradients flow to.
    public init(
        _ name: String, _ value: Tensor, role: Role = .trainable, packing: (any TensorPacking)? = nil
    ) throws {
        self.name = name
        self.role = role
        self.packing = packing
        self.value = try Variable.leaf(value, role)
    }

    /// Whether the adapter's file must hold it.
    public var isStored: Bool {
        switch role {
        case .trainable, .frozen: true
        case .seeded, .state: false
        }
    }

    /// Puts another tensor in the box: of any shape, as a leaf of its own.
    public func replace(with tensor: Tensor) throws {
        value = try Variable.leaf(tensor, role)
    }

    /// Takes the numbers of a tensor of the same shape.
    public func load(_ tensor: Tensor) throws {
        let (expected, found) = (try value.shape, try tensor.shape)
        guard expected == found else { throw NetworkError.shape(name: name, expected: expected, found: found) }
        try withoutGradients { try value.copyInPlace(tensor) }
    }

    private static func leaf(_ tensor: Tensor, _ role: Role) throws -> Tensor {
        try tensor.detach().setRequiresGrad(role == .trainable)
    }
}
