import Foundation
import Graft
import Testing

@Suite struct PrefixRunTests {
    @Test func aTrainedPrefixIsStoredWithoutWhatMadeItAndResumesExactly() async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try tiny.classification("run", method: MAMAdapter())
        configuration.training.maxSteps = 4
        try await expectExactResume(configuration, interruptedAfter: 1)

        let file = try SafetensorsFile(URL(fileURLWithPath: tiny.path("run") + "/adapter_model.safetensors"))
        #expect(file.names.contains("prompt_embeddings"))
        #expect(!file.names.contains { $0.hasPrefix("prefix.") })
        // Keys and values of two layers, and a bottleneck of 512 channels with two biases in each.
        let own = file.names.filter { !$0.hasPrefix("classifier.") }
        let count = try own.reduce(0) { try $0 + file.tensor($1).count }
        #expect(count == 2 * 2 * 30 * 16 + 2 * (2 * 16 * 512 + 512 + 16))
    }
}
