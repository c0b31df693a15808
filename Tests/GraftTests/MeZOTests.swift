import Foundation
import Graft
import JSON
import Testing

@testable import Methods
@testable import Networks
@testable import Training

/// Adapters of several methods, trained by two forwards a step.
@Suite struct MeZOTests {
    private static let lora = #"{"name": "lora", "r": 2}"#

    private func configuration(
        _ tiny: TinyCheckpoint, _ output: String, _ method: String = lora, steps: Int = 5
    ) throws -> TrainingConfiguration {
        let method = try MethodConfiguration(.init(.parse(method))).method
        var configuration = try tiny.classification(output, method: method)
        configuration.training.optim = .mezo
        configuration.training.maxSteps = steps
        return configuration
    }

    private func firstBatch(_ session: TrainingSession) throws -> Batch {
        var batches = try session.loader.batches(from: BatchPosition())
        return try #require(try batches.nextBatch())
    }

    @Test(arguments: [
        (lora, 0.15), (#"{"name": "prefix-tuning", "num_virtual_tokens": 3, "encoder_hidden_size": 4}"#, 0.3),
        (#"{"name": "p-tuning-v2", "num_virtual_tokens": 3}"#, 0.5), (#"{"name": "ia3"}"#, 0.2),
        (#"{"name": "houlsby", "bottleneck": 4}"#, 0.1), (#"{"name": "full"}"#, 0.05),
        (#"{"name": "combine", "methods": ["lora", {"name": "ia3", "learning_rate_factor": 2}]}"#, 0.3),
    ])
    func lossesFallAndNoGradientIsEverMade(_ method: String, _ rate: Double) async throws {
        let tiny = try TinyCheckpoint.bert(dropout: 0)
        var configuration = try configuration(tiny, "run", method, steps: 120)
        configuration.training.perDeviceTrainBatchSize = 40
        configuration.training.learningRate = rate
        let losses = try await observe(configuration).losses
        let (first, last) = (losses.prefix(5).reduce(0, +) / 5, losses.suffix(5).reduce(0, +) / 5)
        #expect(last < 0.97 * first, "\(first) → \(last)")

        let session = try await TrainingSession.prepare(configuration)
        let batch = try firstBatch(session)
        _ = try TrainingStep(session, [batch], step: 0, epoch: 0).run(startsEpoch: true)
        #expect(session.trainables.groups.allSatisfy { $0.gradients == nil })
    }

    @Test func theAdapterIsThatOfTheMethod() async throws {
        let tiny = try TinyCheckpoint.bert()
        try await observe(configuration(tiny, "run"))
        let config = try AdapterConfig(folder: URL(fileURLWithPath: tiny.path("run")))
        #expect(config.form == .peft && config.method is LoRA)
        let names = try SafetensorsFile(URL(fileURLWithPath: tiny.path("run/adapter_model.safetensors"))).names
        #expect(names.contains { $0.hasSuffix("lora_B.weight") })
    }

    @Test(arguments: [lora, #"{"name": "prefix-tuning", "num_virtual_tokens": 3}"#, #"{"name": "lisa"}"#])
    func anInterruptedRunEndsAsOneThatWasNot(_ method: String) async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try configuration(tiny, "run", method)
        configuration.training.gradientAccumulationSteps = 2
        configuration.training.perDeviceTrainBatchSize = 4
        try await expectExactResume(configuration)
    }

    /// B starts at zero: a threshold of its magnitudes would let it move once and never again.
    @Test func besideSparseMeZOTheTensorsOfOthersAreMovedWhole() async throws {
        let tiny = try TinyCheckpoint.bert()
        let configuration = try configuration(
            tiny, "run",
            #"{"name": "combine", "methods": [{"name": "sparse-mezo", "target_modules": ["classifier"]}, \#(Self.lora)]}"#
        )
        var plain = configuration
        plain.training.optim = .adamW
        let session = try await TrainingSession.prepare(plain)
        let batch = try firstBatch(session)
        let b = try #require(session.grafts.variables.first { $0.name.contains("lora_B") })
        var before = try b.value.detach().clone()
        for step in 0..<3 {
            _ = try TrainingStep(session, [batch], step: step, epoch: 0).run(startsEpoch: step == 0)
            #expect(try before.eq(b.value.detach()).to(.int64).sum().item() == 0)
            before = try b.value.detach().clone()
        }
        // Two rules for one step are refused.
        let error = await #expect(throws: MethodError.self) { try await TrainingSession.prepare(configuration) }
        #expect(error.map { "\($0)".contains("combine has a rule of its own") } == true)
    }

    @Test(arguments: [
        ("adalora", "adalora"), ("kasa", "kasa"), ("r-amt", "a rule of its own"), ("sparse-mezo", "a rule of its own"),
        ("spiel", "spiel"), ("dr-tune", "dr-tune"), ("increlora", "increlora"), ("loca", "loca"),
    ])
    func whatNeedsGradientsIsRefusedByName(_ method: String, _ reason: String) async throws {
        let tiny = try TinyCheckpoint.bert()
        let configuration = try configuration(tiny, "run", #"{"name": "\#(method)"}"#)
        let error = await #expect(throws: MethodError.self) { try await TrainingSession.prepare(configuration) }
        #expect(error.map { "\($0)".hasPrefix("optim: ") && "\($0)".contains(reason) } == true)
    }

    @Test func aScaleThatCannotBeIsRefused() async throws {
        let tiny = try TinyCheckpoint.bert()
        for scale in [0, -1, Double.infinity, .nan] {
            var configuration = try configuration(tiny, "run")
            configuration.training.mezoEpsilon = scale
            let error = await #expect(throws: TrainingError.self) { try await TrainingSession.prepare(configuration) }
            #expect(error.map { "\($0)".hasPrefix("mezo_epsilon: ") } == true)
        }
    }
}
