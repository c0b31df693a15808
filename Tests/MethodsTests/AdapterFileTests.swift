import Adapters
import Foundation
import JSON
import Methods
import Networks
import TestModels
import Testing
import Torch

@Suite struct AdapterFileTests {
    static let methods: [(model: String, method: any Methods.Method)] = [
        ("gpt2", Houlsby()), ("llama", Pfeiffer()), ("bert", BitFit()), ("vit", SSF()),
    ]

    @Test(arguments: methods.indices)
    func aFileReadsBackAsWhatItComputed(index: Int) throws {
        let (model, method) = AdapterFileTests.methods[index]
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("graft-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let loaded = try TinyModels.make(model)
        let base = try TinyModels.outputs(loaded)
        let set = try method.grafts(for: loaded.model, key: RandomKey(seed: 1)).perturbed()
        try loaded.model.add(set, named: "a")
        let expected = try TinyModels.outputs(loaded)
        #expect(try expected.distance(to: base) > 1e-3)
        try AdapterFolder.write(method, set, of: loaded.model, to: folder)
        let other = try TinyModels.make(model)
        try AdapterFolder.load(from: folder, onto: other)
        #expect(try TinyModels.outputs(other).isEqual(to: expected))
    }

    @Test func aBottleneckOfAnotherWidthThanTheFilesIsRefusedBeforeItIsMade() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("graft-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let loaded = try TinyModels.make("bert")
        let set = try Houlsby().grafts(for: loaded.model, key: RandomKey(seed: 1))
        try AdapterFolder.write(Houlsby(), set, of: loaded.model, to: folder)
        let file = folder.appendingPathComponent("adapter_config.json")
        let text = try String(contentsOf: file, encoding: .utf8)
        let changed = text.replacingOccurrences(of: "\"bottleneck\": 64", with: "\"bottleneck\": 1000000")
        #expect(changed != text)
        try Data(changed.utf8).write(to: file)
        #expect(throws: AdapterError.self) { try AdapterFolder.load(from: folder, onto: loaded) }
    }
}
