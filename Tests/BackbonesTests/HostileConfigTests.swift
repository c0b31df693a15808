import Foundation
import JSON
import Testing

@testable import Backbones

/// A whole checkpoint of a few kilobytes whose configuration asks for what no machine has.
@Suite struct HostileConfigTests {
    private static let corpus = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Fuzz/Corpus/model")

    @Test(
        arguments: [
            ("bert", "vocab_size"), ("bert", "hidden_size"), ("bert", "num_hidden_layers"),
            ("bert", "intermediate_size"),
            ("bert", "max_position_embeddings"), ("bert", "type_vocab_size"), ("bert", "num_labels"),
            ("llama", "vocab_size"), ("llama", "hidden_size"), ("llama", "num_hidden_layers"), ("llama", "head_dim"),
            ("llama", "num_attention_heads"), ("llama", "num_key_value_heads"), ("llama", "intermediate_size"),
        ], [1 << 30, 1 << 29, Int.max, -1])
    func sizesThatNoMachineHasAreRefusedBeforeAnythingIsMade(_ field: (family: String, key: String), size: Int) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("graft-config-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.copyItem(at: Self.corpus.appendingPathComponent(field.family), to: folder)
        let file = folder.appendingPathComponent("config.json")
        guard case .object(var config) = try JSON.parse(contentsOf: file) else { return }
        config[field.key] = .int(Int64(size))
        if field.key == "num_labels" { config["id2label"] = nil }
        try Data(JSON.object(config).serialized().utf8).write(to: file)
        let started = Date()
        #expect(throws: (any Error).self) { try Backbones.load(folder) }
        #expect(Date().timeIntervalSince(started) < 20)
    }

    @Test func theCheckpointItselfLoads() throws {
        for family in ["bert", "llama"] {
            #expect(throws: Never.self) { try Backbones.load(Self.corpus.appendingPathComponent(family)) }
        }
    }
}
