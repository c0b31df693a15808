import Foundation
import Graft
import JSON
import Testing

/// Files that are each whole and do not belong together.
@Suite struct PairingTests {
    private func message(_ body: () async throws -> Void) async -> String {
        do {
            try await body()
            return "accepted"
        } catch { return "\(error)" }
    }

    @Test func anAdapterWhoseClassesAreNotThoseOfItsHeadIsRefused() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try tiny.classification("run")
        configuration.training.maxSteps = 1
        _ = try await observe(configuration)
        let adapter = tiny.root.appendingPathComponent("run")
        #expect(await message { _ = try TrainedModel(folder: tiny.model, adapter: adapter) } == "accepted")
        let weights = adapter.appendingPathComponent("adapter_model.safetensors")
        let file = try SafetensorsFile(weights)
        var metadata = file.metadata
        metadata["graft.labels"] = #"["fruit", "metal", "stone"]"#
        let tensors = try file.names.map { (name: $0, tensor: try file.tensor($0)) }
        try SafetensorsWriter.write(tensors, metadata: metadata, to: weights)
        let text = await message { _ = try TrainedModel(folder: tiny.model, adapter: adapter) }
        #expect(text.contains("names 3 classes, but its head tells 2 apart"), "\(text)")
    }

    @Test func aTokenizerWithIdsBeyondTheEmbeddingIsRefusedWithTheRow() async throws {
        let tiny = try TinyCheckpoint.bert()
        let file = tiny.model.appendingPathComponent("tokenizer.json")
        guard case .object(var root) = try JSON.parse(contentsOf: file), case .object(var model)? = root["model"],
            case .object(var words)? = model["vocab"]
        else { return }
        words["zebra"] = 5000
        model["vocab"] = .object(words)
        root["model"] = .object(model)
        try tiny.write(JSON.object(root).serialized(), to: "model/tokenizer.json")
        var configuration = try tiny.classification("run")
        configuration.data.trainFile = try tiny.write(
            #"{"text": "zebra", "label": "x"}"# + "\n" + #"{"text": "apple", "label": "y"}"# + "\n", to: "z.jsonl")
        let text = await message { _ = try await observe(configuration) }
        #expect(text.contains("z.jsonl:1: the tokenizer gives the id 5000"), "\(text)")
    }

    @Test func aChatFormatHasNoPlaceInClassification() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try tiny.classification("run")
        configuration.data.chatFormat = "chatml"
        let text = await message { _ = try await observe(configuration) }
        #expect(text.hasPrefix("chat_format: task classification reads texts"), "\(text)")
    }
}
