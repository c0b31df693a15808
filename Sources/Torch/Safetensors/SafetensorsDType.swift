/// The element types of the safetensors format, by the names that files use.
///
/// The order is that of the format's own library, smallest alignment first; files are laid out by it.
public enum SafetensorsDType: String, Sendable, CaseIterable {
    case bool = "BOOL"
    case f4 = "F4"
    case f6e2m3 = "F6_E2M3"
    case f6e3m2 = "F6_E3M2"
    case u8 = "U8"
    case i8 = "I8"
    case f8e5m2 = "F8_E5M2"
    case f8e4m3 = "F8_E4M3"
    case f8e8m0 = "F8_E8M0"
    case f8e4m3fnuz = "F8_E4M3FNUZ"
    case f8e5m2fnuz = "F8_E5M2FNUZ"
    case i16 = "I16"
    case u16 = "U16"
    case f16 = "F16"
    case bf16 = "BF16"
    case i32 = "I32"
    case u32 = "U32"
    case f32 = "F32"
    case c64 = "C64"
    case f64 = "F64"
    case i64 = "I64"
    case u64 = "U64"

    /// Bits of one element.
    public var bits: Int {
        switch self {
        case .f4: 4
        case .f6e2m3, .f6e3m2: 6
        case .bool, .u8, .i8, .f8e5m2, .f8e4m3, .f8e8m0, .f8e4m3fnuz, .f8e5m2fnuz: 8
        case .i16, .u16, .f16, .bf16: 16
        case .i32, .u32, .f32: 32
        case .c64, .f64, .i64, .u64: 64
        }
    }

    /// The type of a tensor with these elements, or nil where Graft has none.
    public var tensorType: DType? {
        switch self {
        case .bool: .bool
        case .u8: .uint8
        case .i8: .int8
        case .i16: .int16
        case .i32: .int32
        case .i64: .int64
        case .f16: .float16
        case .bf16: .bfloat16
        case .f32: .float32
        case .f64: .float64
        default: nil
        }
    }

    /// The name under which tensors of a type are stored.
    public init(_ type: DType) {
        self =
            switch type {
            case .bool: .bool
            case .uint8: .u8
            case .int8: .i8
            case .int16: .i16
            case .int32: .i32
            case .int64: .i64
            case .float16: .f16
            case .bfloat16: .bf16
            case .float32: .f32
            case .float64: .f64
            }
    }

    /// The bytes of a tensor, or nil where they are no whole number or do not fit 63 bits.
    ///
    /// Sizes of zero count as one in the overflow check: strides are products of such sizes.
    func byteCount(of shape: [Int]) -> Int? {
        var product = bits
        for size in shape {
            let (next, overflow) = product.multipliedReportingOverflow(by: max(size, 1))
            if overflow { return nil }
            product = next
        }
        if shape.contains(0) { return 0 }
        return product % 8 == 0 ? product / 8 : nil
    }
}
