import Foundation
import Torch

/// Numbers as 8-bit codes: blocks of 256 in row-major order, each divided by its largest magnitude, each element the
/// nearest entry of a book of 256 that is finer towards zero (Dettmers et al. 2022, arXiv:2110.02861, section 1.3).
struct BlockCodes {
    /// Elements of a block.
    static let blockSize = 256
    /// Of both signs, for means.
    static let signed = BlockCodes(isSigned: true)
    /// Of positive numbers, for means of squares.
    static let unsigned = BlockCodes(isSigned: false)

    /// The values of the codes in ascending order.
    let book: [Float]

    /// 0, 1, and for each i from 0 to 6 the centres of equal parts of [0.1, 1] times 10^(i − 6): 2^i parts for both signs,
    /// twice as many for one.
    private init(isSigned: Bool) {
        var values: [Float] = [0, 1]
        for i in 0...6 {
            let parts = (isSigned ? 1 : 2) << i
            let unit = Float(pow(10, Double(i - 6)))
            let edges = BlockCodes.edges(parts)
            for (low, high) in zip(edges, edges.dropFirst()) {
                let centre = unit * ((low + high) / 2)
                values.append(centre)
                if isSigned { values.append(-centre) }
            }
        }
        book = values.sorted()
    }

    /// Edges of equal parts of [0.1, 1], counted from the nearer end as torch's linspace does.
    private static func edges(_ parts: Int) -> [Float] {
        let step = (1 - Float(0.1)) / Float(parts)
        return (0...parts).map { $0 < (parts + 1) / 2 ? 0.1 + step * Float($0) : 1 - step * Float(parts - $0) }
    }

    /// Codes and the largest magnitude of each block.
    func encode(_ tensor: Tensor) throws -> (codes: Tensor, scales: Tensor) {
        let count = try tensor.count
        let blocks = (count + BlockCodes.blockSize - 1) / BlockCodes.blockSize
        let padding = try Tensor.zeros([blocks * BlockCodes.blockSize - count], device: tensor.device)
        let rows = try Tensor.cat([tensor.reshape([-1]), padding]).reshape([blocks, BlockCodes.blockSize])
        let scales = try rows.abs().amax([1], keepDim: true)
        let normal = try rows / scales.maskedFill(scales.eq(0), 1)
        let middles = try Tensor(zip(book, book.dropFirst()).map { ($0 + $1) / 2 }).to(tensor.device)
        let codes = try middles.searchSorted(normal).reshape([-1]).narrow(0, 0, count).to(.uint8)
        return (codes, try scales.reshape([-1]))
    }

    /// The numbers of codes.
    func decode(_ codes: Tensor, _ scales: Tensor, shape: [Int]) throws -> Tensor {
        let values = try Tensor(book).to(codes.device).indexSelect(0, codes.to(.int64))
        let wide = try scales.repeatInterleave(BlockCodes.blockSize, dim: 0).narrow(0, 0, codes.count)
        return try (values * wide).reshape(shape)
    }

    /// What is kept under a name; nil where nothing is.
    func stored(_ name: String, in extras: [String: Tensor], _ shape: [Int]) throws -> Tensor? {
        guard let codes = extras[name + ".codes"], let scales = extras[name + ".scales"] else { return nil }
        return try decode(codes, scales, shape: shape)
    }

    /// Keeps a tensor under a name.
    func store(_ tensor: Tensor, _ name: String, in extras: inout [String: Tensor]) throws {
        let (codes, scales) = try encode(tensor)
        (extras[name + ".codes"], extras[name + ".scales"]) = (codes, scales)
    }
}
