import Foundation
import Graft
import Testing

@testable import Training

/// Every method of the registry goes on from a checkpoint as if nothing had happened. No method is named here: each is
/// trained with dropout and with its turns, growths and selections as often as its options allow.
@Suite struct ResumeConformanceTests {
    /// Batches are not a multiple of the steps: interruptions fall into the middle of an epoch, and into its last step.
    private func configuration(_ trial: Trial) -> TrainingConfiguration {
        var configuration = trial.configuration
        configuration.training.maxSteps = 7
        configuration.training.perDeviceTrainBatchSize = 3
        configuration.training.gradientAccumulationSteps = 2
        configuration.training.weightDecay = 0.01
        configuration.training.warmupSteps = 2
        configuration.training.evalStrategy = .no
        return configuration
    }

    @Test(arguments: ConformanceTests.methods)
    func anInterruptedRunEndsAsOneThatWasNot(_ subject: Subject) async throws {
        let trial = try await subject.trial(isEventful: true)
        let configuration = configuration(trial)
        let output = configuration.outputDirectory
        let (expected, _) = try await expectExactResume(configuration, interruptedAfter: 4)
        let logged = try loggedSteps(output)
        #expect(logged.map(\.step) == Array(1...7))
        #expect(logged.map(\.gradientNorm) == expected.steps.map(\.gradientNorm))
        #expect(logged.map(\.penalty) == expected.steps.map(\.penalty))
        #expect(logged.map(\.tokens) == expected.steps.map(\.tokens))
        let (whole, parts) = ("\(output)-whole/adapter_config.json", "\(output)/adapter_config.json")
        #expect(FileManager.default.contentsEqual(atPath: whole, andPath: parts))
    }

    /// What `on_nonfinite` relies on: a session that went wrong is put back, not only a fresh one.
    @Test(arguments: ConformanceTests.methods)
    func aSessionIsTakenBackInPlace(_ subject: Subject) async throws {
        let trial = try await subject.trial(isEventful: true)
        var course = trial.course
        try course.run(0..<2)
        let (state, position) = (try course.session.state().copied(), course.position)
        try course.run(2..<5)
        let (losses, values) = (course.losses, try trial.values { _ in true })
        try course.session.restore(state)
        course.position = position
        course.losses = Array(losses.prefix(2))
        try course.run(2..<5)
        #expect(course.losses == losses)
        let again = try trial.values { _ in true }
        #expect(Set(again.keys) == Set(values.keys))
        for (name, value) in values { #expect(try again[name]?.isEqual(to: value) == true, "\(name)") }
    }
}
