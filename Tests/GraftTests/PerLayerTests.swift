import Foundation
import Graft
import JSON
import Testing

/// Steps in the middle of the backward.
@Suite struct PerLayerTests {
    private func configuration(_ tiny: TinyCheckpoint, _ options: JSON, _ output: String) throws
        -> TrainingConfiguration
    {
        let method = try MethodConfiguration(.init(options)).method
        var configuration = try tiny.classification(output, method: method)
        configuration.training.maxSteps = 5
        configuration.training.maxGradNorm = 0
        return configuration
    }

    private static let forms: [JSON.Object] = [
        ["name": "gradnormlorp", "parametrization": "plain", "rank": 2, "update_proj_gap": 2],
        ["name": "gradnormlorp", "parametrization": "weight_norm", "rank": 2, "target_modules": "all-linear"],
        ["name": "gradnormlorp", "lora_r": 2, "lora_dropout": 0.2],
        ["name": "gradnormlorp", "parametrization": "plain", "rank": 2, "eight_bit": true],
    ]

    @Test(arguments: forms) func theResultIsThatOfStepsAfterTheBackward(options: JSON.Object) async throws {
        let tiny = try TinyCheckpoint.bert()
        let after = try await observe(configuration(tiny, .object(options), "after"))
        var options = options
        options["per_layer"] = true
        let within = try await observe(configuration(tiny, .object(options), "within"))
        #expect(after.losses == within.losses && after.losses.count == 5)
        #expect(try tiny.adapterTensors("after") == tiny.adapterTensors("within"))
        // Each block is run again before its weights are stepped.
        var again = try configuration(tiny, .object(options), "again")
        again.training.gradientCheckpointing = true
        #expect(try await observe(again).losses == after.losses)
        #expect(try tiny.adapterTensors("again") == tiny.adapterTensors("after"))
        for (a, b) in zip(after.steps, within.steps) {
            #expect(try abs(#require(a.gradientNorm) - #require(b.gradientNorm)) < 1e-4)
        }
    }

    @Test func anInterruptedRunEndsAsOneThatWasNot() async throws {
        let tiny = try TinyCheckpoint.bert()
        var options = Self.forms[0]
        options["per_layer"] = true
        let run = try configuration(tiny, .object(options), "run")
        try await observe(run)
        let expected = try tiny.adapter("run")
        try FileManager.default.removeItem(atPath: tiny.path("run"))
        let part = try await TrainingRun(run)
        part.stop()
        try await observe(part)
        try await observe(run, start: .resume)
        #expect(try tiny.adapter("run") == expected)
    }

    @Test func whatNeedsAllGradientsAtOnceIsRefused() async throws {
        let tiny = try TinyCheckpoint.bert()
        var options = Self.forms[0]
        options["per_layer"] = true
        var clipped = try configuration(tiny, .object(options), "run")
        clipped.training.maxGradNorm = 1
        await #expect(throws: MethodError.self) { try await TrainingRun(clipped) }
        clipped.training.maxGradNorm = 0
        clipped.training.gradientAccumulationSteps = 2
        await #expect(throws: MethodError.self) { try await TrainingRun(clipped) }
    }
}
