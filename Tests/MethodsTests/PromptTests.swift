import Adapters
import Backbones
import Foundation
import JSON
import Methods
import Networks
import TestModels
import Testing
import Torch

/// Rows before the embedded tokens, and the tables that hold them.
@Suite struct PromptTests {
    private static let all: [String: any Methods.Method] = ["prompt_tuning": PromptTuning(), "p_tuning": PTuning()]

    /// The tensors of a file.
    private struct Stored: StoredTensors {
        var tensors: [String: Tensor]
        var names: [String] { Array(tensors.keys) }
        func tensor(_ name: String) throws -> Tensor? { tensors[name] }
    }

    /// Runs something with a folder of its own.
    private func withFolder(_ body: (URL) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("graft-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(folder)
    }

    private func submodules(_ folder: URL) throws -> Int {
        let value = try AdapterConfig(folder: folder).value
        return try JSON.Node(value).field("num_transformer_submodules").int()
    }

    /// Twenty rows of sixteen channels for each half that peft makes room for.
    @Test(arguments: ["prompt_tuning", "p_tuning"], [("bart", 2), ("bert", 1), ("llama", 1)])
    func filesHaveTheRowsOfPeftsAndReadBackAsWhatTheyComputed(name: String, model: (name: String, parts: Int)) throws {
        let method = try #require(PromptTests.all[name])
        let loaded = try TinyModels.make(model.name)
        let base = try TinyModels.outputs(loaded)
        try loaded.model.add(method.grafts(for: loaded.model, key: RandomKey(seed: 1)), named: "a")
        let set = try #require(loaded.model.adapters["a"])
        let expected = try TinyModels.outputs(loaded)
        #expect(try !expected.isEqual(to: base))
        try withFolder { folder in
            try AdapterFolder.write(method, set, of: loaded.model, to: folder)
            #expect(try submodules(folder) == model.parts)
            let file = try SafetensorsFile(folder.appendingPathComponent(AdapterFolder.weightsName))
            #expect(try file.tensor("prompt_embeddings").shape == [model.parts * 20, 16])
            let other = try TinyModels.make(model.name)
            try AdapterFolder.load(from: folder, onto: other)
            #expect(try TinyModels.outputs(other).isEqual(to: expected))
        }
    }

    @Test(arguments: ["prompt_tuning", "p_tuning"])
    func theSecondHalfOfATwofoldTableNeverActs(name: String) throws {
        let method = try #require(PromptTests.all[name])
        let rows = try Tensor.normal([40, 16], key: RandomKey(seed: 2))
        func outputs(_ table: Tensor) throws -> (Tensor, GraftSet, LoadedModel) {
            let loaded = try TinyModels.make("bart")
            let start = GraftStart(key: RandomKey(seed: 1), stored: Stored(tensors: ["prompt_embeddings": table]))
            let set = try method.grafts(for: loaded.model, start)
            let variable = try #require(set.variables.first)
            #expect(try variable.value.shape == table.shape)
            try withoutGradients { try variable.value.copyInPlace(table) }
            try loaded.model.add(set, named: "a")
            return (try TinyModels.outputs(loaded), set, loaded)
        }
        let half = try rows.narrow(0, 0, 20)
        let expected = try outputs(rows).0
        #expect(try outputs(Tensor.cat([half, half * 3], dim: 0)).0.isEqual(to: expected))
        #expect(try !outputs(Tensor.cat([half * 3, half], dim: 0)).0.isEqual(to: expected))
        // A table of the encoder's rows alone is one that peft can be told to make.
        let (single, set, loaded) = try outputs(half)
        #expect(try single.isEqual(to: expected))
        try withFolder { folder in
            try AdapterFolder.write(method, set, of: loaded.model, to: folder)
            #expect(try submodules(folder) == 1)
            let other = try TinyModels.make("bart")
            try AdapterFolder.load(from: folder, onto: other)
            #expect(try TinyModels.outputs(other).isEqual(to: expected))
        }
        #expect(throws: (any Error).self) { try outputs(rows.narrow(0, 0, 30)) }
        #expect(throws: (any Error).self) { try outputs(Tensor.cat([rows, rows], dim: 0)) }
    }
}
