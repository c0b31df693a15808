import Adapters
import Backbones
import Foundation
import Networks
import TestModels
import Testing
import Torch

/// Networks whose weights stay in their files compute what loaded ones do.
@Suite struct StreamingTests {
    @Test(arguments: ["bert", "gpt2", "llama", "tied", "vit"], [DType.float32, .bfloat16, .float16])
    func aStreamedNetworkComputesTheSame(_ model: String, _ dtype: DType) throws {
        try withFolder { folder in
            let base = try TinyCheckpoint.write(model, to: folder.appendingPathComponent("base"), dtype: dtype)
            let expected = try TinyModels.outputs(Backbones.load(base))
            let streamed = try TinyModels.outputs(Backbones.load(base, options: .init(streams: true)))
            #expect(try streamed.dtype == .float32)
            #expect(try streamed.distance(to: expected) < 1e-6)
        }
    }

    @Test(arguments: ["{}", #"{"use_dora": true}"#, #"{"target_modules": "all-linear"}"#], [DType.float32, .bfloat16])
    func anAdapterActsOnAStreamedNetwork(_ options: String, _ dtype: DType) throws {
        try withFolder { folder in
            let base = try TinyCheckpoint.write("llama", to: folder.appendingPathComponent("base"), dtype: dtype)
            let adapter = folder.appendingPathComponent("adapter")
            try TinyCheckpoint.adapter(options, for: base, to: adapter)
            func outputs(streams: Bool) throws -> Tensor {
                let loaded = try Backbones.load(base, options: .init(streams: streams))
                try AdapterFolder.load(from: adapter, onto: loaded, checkpoint: base)
                return try TinyModels.outputs(loaded)
            }
            #expect(try outputs(streams: true).distance(to: outputs(streams: false)) < 1e-6)
        }
    }

    @Test(arguments: [DType.float32, .bfloat16])
    func aLargeWeightIsUsedInPieces(_ dtype: DType) throws {
        // More elements than a piece has, in a number of rows that no number of pieces divides.
        let weight = try Tensor.normal([3001, 1500], key: RandomKey(seed: 1)).to(dtype)
        let bias = try Tensor.normal([3001], key: RandomKey(seed: 2))
        let builder = NetworkBuilder(
            source: TensorWeights(["head.weight": weight, "head.bias": bias]), options: .init(streams: true))
        let projection = try Projection.linear(builder.root("head"), input: 1500, output: 3001)
        let x = try Tensor.normal([2, 3, 1500], key: RandomKey(seed: 3))
        let found = try withoutGradients { try projection(x, ForwardContext()) }
        #expect(try found.distance(to: x.linear(weight.to(.float32), bias)) < 1e-5)
    }

    @Test func memoryOfTheFileIsLetGoOf() throws {
        try withFolder { folder in
            let base = try TinyCheckpoint.write("llama", to: folder.appendingPathComponent("base"))
            let loaded = try Backbones.load(base, options: .init(streams: true))
            #expect(loaded.model.projections.values.allSatisfy { $0.weight.isStreamed })
            #expect(loaded.model.norms.values.allSatisfy { !$0.weight.isStreamed })
            let before = try TinyModels.outputs(loaded)
            for parameter in loaded.model.parameters.values { try parameter.releaseStreamed() }
            #expect(try TinyModels.outputs(loaded).isEqual(to: before))
        }
    }
}
