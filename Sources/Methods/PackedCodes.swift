import Torch

/// Small whole numbers in bytes, as many to a byte as fit.
enum PackedCodes {
    /// Where the first code of a byte is.
    enum Order {
        case lowestBitsFirst
        case highestBitsFirst
    }

    /// The bytes [⌈count · bits / 8⌉] of codes of any shape, in row-major order; the last byte is filled up with zeros.
    /// - Parameters:
    ///   - codes: whole numbers from 0 to 2^bits - 1, or booleans.
    ///   - bits: 1, 2, 4 or 8.
    static func pack(_ codes: Tensor, bits: Int, _ order: Order) throws -> Tensor {
        let perByte = 8 / bits
        var flat = try codes.to(.float32).reshape([-1])
        let missing = try (perByte - flat.count % perByte) % perByte
        if missing > 0 { flat = try Tensor.cat([flat, .zeros([missing], device: flat.device)]) }
        return try (flat.reshape([-1, perByte]) * places(bits, order).to(flat.device)).sum([1]).to(.uint8)
    }

    /// The first `count` codes of bytes, as fp32 [count].
    static func unpack(_ bytes: Tensor, count: Int, bits: Int, _ order: Order) throws -> Tensor {
        let shifted = try (bytes.to(.float32).unsqueeze(1) / places(bits, order).to(bytes.device)).floor()
        let size = Double(1 << bits)
        return try (shifted - (shifted / size).floor() * size).reshape([-1]).narrow(0, 0, count)
    }

    /// What the codes of a byte are multiplied with.
    private static func places(_ bits: Int, _ order: Order) throws -> Tensor {
        let powers = stride(from: 0, to: 8, by: bits).map { Float(1 << $0) }
        return try Tensor(order == .lowestBitsFirst ? powers : powers.reversed())
    }
}
