import CTorch

/// An n-dimensional array of libtorch. Copies of the value share the array; so do views of it.
///
/// Every operation throws: libtorch reports wrong shapes and lack of memory at run time, and neither may end the process.
public struct Tensor: @unchecked Sendable {
    // Unchecked: libtorch counts references atomically, and operations in place are used only on tensors that one owner
    // writes (gradients, optimizer state, parameters during a step).
    private final class Handle {
        let raw: ct_tensor

        init(_ raw: ct_tensor) {
            self.raw = raw
        }

        deinit {
            ct_engine_loaded()?.pointee.release?(raw)
        }
    }

    private let handle: Handle

    var raw: ct_tensor {
        handle.raw
    }

    init(owning raw: ct_tensor?, from operation: String) throws {
        guard let raw else { throw TorchError.operation(name: operation, message: "no result") }
        handle = Handle(raw)
    }

    /// True when both are the same handle, not only equal numbers.
    public func isSame(as other: Tensor) -> Bool {
        handle === other.handle
    }

    /// Knows a tensor again without keeping it in memory.
    public struct Mark {
        private weak var handle: Handle?

        /// A mark of that tensor's handle.
        public init(_ tensor: Tensor) { handle = tensor.handle }

        /// True for the same handle, as long as there is one.
        public func isOn(_ tensor: Tensor) -> Bool { handle === tensor.handle }
    }

    /// True when both begin at the same place in memory: what is written to one is in the other.
    public func sharesMemory(with other: Tensor) throws -> Bool {
        try ATen.dataAddress(self) == ATen.dataAddress(other)
    }
}

// MARK: Facts

extension Tensor {
    /// The size of each dimension.
    public var shape: [Int] {
        get throws {
            let rank = try ATen.rank(self)
            return try (0..<rank).map { try ATen.size(self, $0) }
        }
    }

    /// The number of dimensions.
    public var rank: Int {
        get throws { try ATen.rank(self) }
    }

    /// The number of elements.
    public var count: Int {
        get throws { try ATen.elementCount(self) }
    }

    /// The type of the elements.
    public var dtype: DType {
        get throws {
            let code = try ATen.dtype(self)
            guard let dtype = DType(rawValue: Int32(truncatingIfNeeded: code)) else {
                throw TorchError.invalid("libtorch's element type \(code) is not one that Graft uses")
            }
            return dtype
        }
    }

    /// Where the elements are.
    public var device: Device {
        get throws {
            switch try ATen.deviceType(self) {
            case 0: return .cpu
            case 1: return .cuda(try ATen.deviceIndex(self))
            case let other: throw TorchError.invalid("libtorch's device type \(other) is not one that Graft uses")
            }
        }
    }

    /// The size of one dimension; negative numbers count from the end.
    public func size(_ dimension: Int) throws -> Int {
        try ATen.size(self, dimension)
    }
}
