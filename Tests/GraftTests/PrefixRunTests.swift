import Foundation
import Graft
import Testing

@Suite struct PrefixRunTests {
    @Test func aTrainedPrefixIsStoredWithoutWhatMadeItAndResumesExactly() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try tiny.classification("run", method: MAMAdapter())
        configuration.training.maxSteps = 4
        let expected = try await observe(configuration)
        try FileManager.default.moveItem(atPath: tiny.path("run"), toPath: tiny.path("run-whole"))

        let first = try await TrainingRun(configuration)
        first.stop()
        #expect(try await observe(first).summary?.outcome == .interrupted)
        let resumed = try await observe(configuration, start: .resume)
        #expect(resumed.summary?.metrics == expected.summary?.metrics)
        #expect(try tiny.adapter("run") == tiny.adapter("run-whole"))

        let file = try SafetensorsFile(URL(fileURLWithPath: tiny.path("run") + "/adapter_model.safetensors"))
        #expect(file.names.contains("prompt_embeddings"))
        #expect(!file.names.contains { $0.hasPrefix("prefix.") })
        // Keys and values of two layers, and a bottleneck of 512 channels with two biases in each.
        let own = file.names.filter { !$0.hasPrefix("classifier.") }
        let count = try own.reduce(0) { try $0 + file.tensor($1).count }
        #expect(count == 2 * 2 * 30 * 16 + 2 * (2 * 16 * 512 + 512 + 16))
    }
}
