import CTorch

/// Swift number types with a tensor type of the same layout.
public protocol TensorElement {
    /// The tensor type with this layout.
    static var dtype: DType { get }
}

extension Float: TensorElement {
    /// The tensor type with this layout.
    public static var dtype: DType { .float32 }
}

extension Double: TensorElement {
    /// The tensor type with this layout.
    public static var dtype: DType { .float64 }
}

extension Int64: TensorElement {
    /// The tensor type with this layout.
    public static var dtype: DType { .int64 }
}

extension Int32: TensorElement {
    /// The tensor type with this layout.
    public static var dtype: DType { .int32 }
}

extension UInt8: TensorElement {
    /// The tensor type with this layout.
    public static var dtype: DType { .uint8 }
}

extension Tensor {
    /// Uninitialised memory.
    public static func empty(_ shape: [Int], dtype: DType = .float32, device: Device = .cpu) throws -> Tensor {
        try ATen.empty(shape, dtype, device)
    }

    /// All zeros.
    public static func zeros(_ shape: [Int], dtype: DType = .float32, device: Device = .cpu) throws -> Tensor {
        try ATen.zeros(shape, dtype, device)
    }

    /// All ones.
    public static func ones(_ shape: [Int], dtype: DType = .float32, device: Device = .cpu) throws -> Tensor {
        try ATen.ones(shape, dtype, device)
    }

    /// One value everywhere.
    public static func full(_ shape: [Int], _ value: Double, dtype: DType = .float32, device: Device = .cpu) throws
        -> Tensor
    {
        try ATen.full(shape, value, dtype, device)
    }

    /// A tensor without dimensions.
    public static func scalar(_ value: Double, dtype: DType = .float32, device: Device = .cpu) throws -> Tensor {
        try ATen.full([], value, dtype, device)
    }

    /// `start, start + step, …` below `end`.
    public static func arange(
        _ start: Double = 0, to end: Double, step: Double = 1, dtype: DType = .int64, device: Device = .cpu
    ) throws -> Tensor {
        try ATen.arange(start, end, step, dtype, device)
    }

    /// The numbers of a Swift array in row-major order, copied.
    public init<Element: TensorElement>(_ values: [Element], shape: [Int]? = nil) throws {
        let shape = shape ?? [values.count]
        let expected = shape.reduce(1, *)
        guard expected == values.count else {
            throw TorchError.invalid("\(values.count) values do not fill the shape \(shape)")
        }
        let borrowed = try values.withUnsafeBytes { bytes in
            // from_blob of an empty array would have no address; one byte that is never read stands in.
            try Tensor.view(of: bytes.isEmpty ? nil : bytes.baseAddress, shape: shape, dtype: Element.dtype) {
                try ATen.clone($0)
            }
        }
        self = borrowed
    }

    private static func view(
        of address: UnsafeRawPointer?, shape: [Int], dtype: DType, body: (Tensor) throws -> Tensor
    ) throws -> Tensor {
        guard let address else { return try empty(shape, dtype: dtype) }
        try Engine.ensureLoaded()
        return try body(wrapping(UnsafeMutableRawPointer(mutating: address), shape: shape, dtype: dtype, owner: nil))
    }

    /// A tensor over memory that `owner` keeps alive: no copy. The memory must not be written through the tensor unless
    /// it is private to the process.
    static func wrapping(_ address: UnsafeMutableRawPointer, shape: [Int], dtype: DType, owner: AnyObject?) throws
        -> Tensor
    {
        try Engine.ensureLoaded()
        guard let engine = ct_engine_loaded()?.pointee, let fromBlob = engine.from_blob else {
            throw TorchError.engineUnavailable("the engine is not loaded")
        }
        let context = owner.map { Unmanaged.passRetained($0).toOpaque() }
        let release: @convention(c) (UnsafeMutableRawPointer?) -> Void = { context in
            guard let context else { return }
            Unmanaged<AnyObject>.fromOpaque(context).release()
        }
        var out: ct_tensor?
        let sizes = shape.map(Int64.init)
        try Engine.check(
            fromBlob(address, sizes, Int64(sizes.count), dtype.rawValue, release, context, &out), "from_blob")
        return try Tensor(owning: out, from: "from_blob")
    }
}

// MARK: Out of the tensor

extension Tensor {
    /// The elements in row-major order as Swift numbers, converted where the tensor has another type.
    public func array<Element: TensorElement>(of type: Element.Type = Element.self) throws -> [Element] {
        let converted = try dtype == Element.dtype ? self : to(Element.dtype)
        let count = try converted.count
        return try [Element](unsafeUninitializedCapacity: count) { buffer, initialized in
            try converted.copyBytes(into: UnsafeMutableRawBufferPointer(buffer))
            initialized = count
        }
    }

    /// The only element.
    public func item() throws -> Double {
        try ATen.item(self)
    }

    /// Copies the elements in row-major order, without conversion.
    public func copyBytes(into buffer: UnsafeMutableRawBufferPointer) throws {
        guard let copy = ct_engine_loaded()?.pointee.copy_bytes else {
            throw TorchError.engineUnavailable("the engine is not loaded")
        }
        guard let address = buffer.baseAddress else {
            if try count == 0 { return }
            throw TorchError.invalid("no memory to copy \(try count) elements to")
        }
        try withExtendedLifetime(self) {
            try Engine.check(copy(raw, address, Int64(buffer.count)), "copy")
        }
    }
}
