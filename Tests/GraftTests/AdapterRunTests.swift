import Foundation
import Graft
import Testing

@Suite struct AdapterRunTests {
    /// Methods with their rates: a branch of 512 channels, scaled by four, takes smaller steps.
    static let methods: [(method: any Methods.Method, rate: Double)] = [
        (Houlsby(), 3e-2), (Pfeiffer(), 3e-2), (BitFit(), 3e-2), (SSF(), 3e-2), (MAMAdapter(), 2e-3),
        (PrefixTuning(), 3e-2), (PTuningV2(), 3e-2),
    ]

    @Test(arguments: methods.indices)
    func everyAdapterLearnsAndLeavesTheCheckpointAlone(index: Int) async throws {
        let tiny = try TinyCheckpoint.bert(dropout: 0)
        let weights = tiny.model.appendingPathComponent("model.safetensors")
        let before = try Data(contentsOf: weights)
        let (method, rate) = AdapterRunTests.methods[index]
        var configuration = try tiny.classification("run", method: method)
        configuration.training.maxSteps = 120
        configuration.training.learningRate = rate
        let observed = try await observe(configuration)
        let first = observed.losses.prefix(4).reduce(0, +) / 4
        let last = observed.losses.suffix(4).reduce(0, +) / 4
        #expect(last < 0.8 * first)
        #expect(try Data(contentsOf: weights) == before)
        // Merging is suggested only where it can be.
        let suggestsMerging = observed.summary?.nextCommands.contains { $0.command.hasPrefix("graft merge") }
        #expect(suggestsMerging == (type(of: method).card.mergeContract != .never))
    }
}
