/// What can go wrong between Swift and libtorch.
public enum TorchError: Error, Equatable, CustomStringConvertible {
    /// No engine could be loaded; the text says what to do.
    case engineUnavailable(String)
    /// libtorch refused an operation: shapes, types or devices do not fit.
    case operation(name: String, message: String)
    /// The allocator had no more memory.
    case outOfMemory(operation: String, message: String)
    /// A value that this layer checks itself.
    case invalid(String)

    /// One sentence: what was wrong, where, what to do.
    public var description: String {
        switch self {
        case .engineUnavailable(let text): text
        case .operation(let name, let message): "libtorch refused \(name): \(message)"
        case .outOfMemory(let operation, _):
            "out of memory in \(operation): use a smaller batch (per_device_train_batch_size) with more "
                + "gradient_accumulation_steps, gradient_checkpointing: true, or a shorter max_length"
        case .invalid(let text): text
        }
    }
}
