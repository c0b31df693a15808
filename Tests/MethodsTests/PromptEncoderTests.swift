import Adapters
import Foundation
import JSON
import Methods
import Networks
import TestModels
import Testing
import Torch

@Suite struct PromptEncoderTests {
    private static func method(_ options: JSON.Object) throws -> PTuning {
        try JSON.Node(.object(options), source: "test").decode(PTuning.self)
    }

    @Test func theLSTMHasPeftsTensorsInBothDirections() throws {
        let model = try TinyModels.make("llama").model
        let method = try Self.method([
            "num_virtual_tokens": 4, "encoder_hidden_size": 3, "encoder_reparameterization_type": "LSTM",
            "encoder_num_layers": 2,
        ])
        let set = try method.grafts(for: model, key: RandomKey(seed: 1))
        let size = try #require(model.bodies.values.first?.size)
        let shapes = Dictionary(uniqueKeysWithValues: try set.variables.map { ($0.name, try $0.value.shape) })
        #expect(shapes.count == 1 + 16 + 4)
        #expect(shapes["prompt_encoder.lstm_head.weight_ih_l0"] == [12, size])
        #expect(shapes["prompt_encoder.lstm_head.weight_ih_l1_reverse"] == [12, 6])
        #expect(shapes["prompt_encoder.lstm_head.bias_hh_l1"] == [12])
        #expect(shapes["prompt_encoder.mlp_head.0.weight"] == [6, 6])
        #expect(shapes["prompt_encoder.mlp_head.2.weight"] == [size, 6])
    }

    @Test func whatTheLSTMMakesIsWhatAFileOfPeftHolds() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("graft-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let loaded = try TinyModels.make("llama")
        let base = try TinyModels.outputs(loaded)
        let method = try Self.method([
            "num_virtual_tokens": 4, "encoder_hidden_size": 3, "encoder_reparameterization_type": "LSTM",
        ])
        let set = try method.grafts(for: loaded.model, key: RandomKey(seed: 1))
        try loaded.model.add(set, named: "default")
        let expected = try TinyModels.outputs(loaded)
        #expect(try !expected.isEqual(to: base))
        try AdapterFolder.write(method, set, of: loaded.model, to: folder)
        let other = try TinyModels.make("llama")
        try AdapterFolder.load(from: folder, onto: other)
        #expect(try TinyModels.outputs(other).isEqual(to: expected))
    }

    @Test(arguments: [0, 65]) func layersThatCannotBeAreRefused(_ count: Int) throws {
        let model = try TinyModels.make("llama").model
        let method = try Self.method([
            "encoder_reparameterization_type": "LSTM", "encoder_num_layers": .int(Int64(count)),
        ])
        #expect(throws: MethodError.self) { try method.grafts(for: model, key: RandomKey(seed: 1)) }
    }
}
