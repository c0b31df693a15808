import Testing
import Torch

@testable import Methods

@Suite struct PackedCodesTests {
    @Test(arguments: [(1, 1), (1, 8), (1, 13), (2, 7), (4, 3), (8, 5)])
    func codesComeBackWhateverTheirNumber(_ bits: Int, _ count: Int) throws {
        let codes = (0..<count).map { Float(($0 * 7 + 3) % (1 << bits)) }
        for order in [PackedCodes.Order.lowestBitsFirst, .highestBitsFirst] {
            let bytes = try PackedCodes.pack(Tensor(codes), bits: bits, order)
            #expect(try bytes.shape == [(count * bits + 7) / 8])
            let back: [Float] = try PackedCodes.unpack(bytes, count: count, bits: bits, order).array()
            #expect(back == codes)
        }
    }

    @Test func theFirstCodeIsWhereTheOrderSays() throws {
        let codes = try Tensor([1, 0, 0, 0, 0, 0, 0, 0, 1, 1] as [Float])
        let low: [UInt8] = try PackedCodes.pack(codes, bits: 1, .lowestBitsFirst).array()
        let high: [UInt8] = try PackedCodes.pack(codes, bits: 1, .highestBitsFirst).array()
        #expect(low == [0b0000_0001, 0b0000_0011] && high == [0b1000_0000, 0b1100_0000])
    }
}
