import Foundation
import Graft
import Testing

/// Methods whose start depends on the data, or whose turns depend on the step.
@Suite struct CalibratedResumeTests {
    private func method(_ name: String) throws -> any Methods.Method {
        switch name {
        case "corda":
            var method = CorDA()
            (method.r, method.calibrationSamples, method.cordaMethod) = (3, 5, .kpm)
            return method
        case "loca":
            var method = LoCA()
            (method.nFrequency, method.learnLocationIter, method.countForwards) = (6, 12, true)
            (method.coefficientSteps, method.locationSteps, method.locationLearningRate) = (1, 2, 0.05)
            return method
        case "s2ft":
            var method = S2FT()
            (method.vRatio, method.dRatio, method.selection) = (0.5, 0.2, .gradient)
            return method
        default:
            var method = LoRASB()
            (method.r, method.numSamples) = (3, 6)
            method.variant = try #require(.init(rawValue: name))
            method.saveProjection = method.variant == .sb
            return method
        }
    }

    @Test(arguments: ["lora-sb", "lora-xs", "corda", "loca", "s2ft"])
    func aRunThatWasInterruptedEndsAsOneThatWasNotAndReadsBack(name: String) async throws {
        let tiny = try TinyCheckpoint.bert()
        var configuration = try tiny.classification("run", method: method(name))
        configuration.training.maxSteps = 6
        configuration.training.gradientAccumulationSteps = 2
        configuration.training.perDeviceTrainBatchSize = 2
        configuration.training.weightDecay = 0.1
        configuration.training.warmupRatio = 0.2
        let (whole, _) = try await expectExactResume(configuration, interruptedAfter: 4)
        let areNumbers = whole.losses.allSatisfy(\.isFinite)
        #expect(areNumbers)

        let loaded = try Backbones.load(tiny.model, head: .sequenceClassification(labels: 2))
        let adapter = try AdapterFolder.load(from: tiny.root.appendingPathComponent("run"), onto: loaded)
        #expect(!adapter.grafts.projections.isEmpty)
    }
}
