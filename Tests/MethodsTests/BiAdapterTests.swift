import Golden
import Networks
import Testing
import Torch

@testable import Methods

@Suite struct BiAdapterTests {
    @Test func theCodebookIsOfCellMedians() {
        let known: [Int: [Double]] = [
            1: [0.67448974], 2: [0.37775415, 1.26572037],
            4: [0.10555028, 0.31903601, 0.54007208, 0.77519202, 1.03400624, 1.33310664, 1.70773757, 2.26549053],
        ]
        for (bits, upper) in known {
            let expected = upper.reversed().map { -$0 } + upper
            let values = NormalCodebook(bits: bits).values
            #expect(values.count == expected.count)
            #expect(zip(values, expected).allSatisfy { abs($0 - $1) < 1e-6 })
        }
        let wide = NormalCodebook(bits: 8).values
        #expect(wide.count == 256 && zip(wide, wide.dropFirst()).allSatisfy { $0 <= $1 })
    }

    @Test(arguments: [(32, true, 83_528), (1, true, 12_104)])
    func theFilesSizeIsThatOfThePublishedOnes(_ width: Int, _ hasHead: Bool, _ expected: Int) {
        let shapes = (0..<12).flatMap { _ in [[width, 768], [768, width]] } + (hasHead ? [[100, 768]] : [])
        let matrix = QuantizedMatrix(bits: 1)
        let bytes = shapes.flatMap(matrix.parts).reduce(0) { $0 + $1.shape.reduce(1, *) * $1.dtype.size }
        #expect(bytes == expected)
    }

    @Test(arguments: [1, 2, 4, 8])
    func aMatrixFromItsPartsComputesAsItDidInTraining(_ bits: Int) throws {
        let latent = try Tensor.normal([5, 7], mean: 0.3, std: 0.02, key: RandomKey(seed: 1))
        let trained = QuantizedMatrix(bits: bits)
        let quantized = try trained(latent)
        let values: [Float] = try quantized.array()
        #expect(Set(values.map { ($0 * 1e5).rounded() }).count <= 1 << bits)
        let read = QuantizedMatrix(bits: bits)
        let parts = try trained.packed(latent)
        let back = try read.unpacked(parts, shape: [5, 7])
        #expect(try (read(back) - quantized).abs().amax().item() < 1e-6)
        // Packed again, it is the same bytes.
        for (first, second) in zip(parts, try read.packed(back)) { #expect(try first.isEqual(to: second)) }
    }

    @Test func aConstantMatrixTakesTheLowerCode() throws {
        let matrix = QuantizedMatrix(bits: 1)
        let latent = try Tensor.full([2, 4], 0.5)
        #expect(try matrix(latent).isEqual(to: latent))
        #expect(try matrix.codes(latent).amax().item() == 0)
    }

    @Test func gradientsPassMeanAndDeviation() throws {
        let latent = try Tensor.normal([3, 4], key: RandomKey(seed: 2)).setRequiresGrad(true)
        let cotangent = try Tensor.normal([3, 4], key: RandomKey(seed: 3))
        try (QuantizedMatrix(bits: 1)(latent) * cotangent).sum().backward()
        let gradient = try #require(try latent.grad)
        #expect(try (gradient - cotangent).abs().amax().item() > 1e-3)
    }

    @Test func theLoRAStyleMerges() throws {
        var method = BiAdapter()
        (method.style, method.dim, method.targetModules) = (.lora, 3, .list([SingleProjection.path]))
        let model = try SingleProjection.model(
            weight: .normal([5, 6], key: RandomKey(seed: 4)), bias: .normal([5], key: RandomKey(seed: 5)))
        let set = try method.grafts(for: model, key: RandomKey(seed: 0))
        for variable in set.variables { try variable.load(.normal(variable.value.shape, key: RandomKey(seed: 6))) }
        try model.add(set, named: "default")
        let input = ModelInput(pixelValues: try .normal([2, 3, 6], key: RandomKey(seed: 7)))
        let (y, base) = (
            try model(input).lastHiddenState, try model.withAdapters([]) { try model(input).lastHiddenState }
        )
        try model.merge()
        #expect(try (model(input).lastHiddenState - y).abs().amax().item() < 1e-4)
        #expect(try (base - y).abs().amax().item() > 1e-2)
    }
}
