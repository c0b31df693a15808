import Foundation
import Graft
import Testing

/// Values worked out by hand from the definitions of Hugging Face's schedules.
@Suite struct LearningRateScheduleTests {
    private func rates(
        _ shape: LearningRateSchedule.Shape, steps: Int, ratio: Double = 0, warmup: Int = 0
    ) -> [Double] {
        var arguments = TrainingArguments()
        arguments.learningRate = 8
        arguments.lrSchedulerType = shape
        arguments.warmupRatio = ratio
        arguments.warmupSteps = warmup
        let schedule = LearningRateSchedule(arguments, totalSteps: steps)
        return (0..<steps).map { schedule.rate(step: $0) }
    }

    private func expect(
        _ found: [Double], _ expected: [Double], sourceLocation: Testing.SourceLocation = #_sourceLocation
    ) {
        #expect(found.count == expected.count, sourceLocation: sourceLocation)
        for (a, b) in zip(found, expected) { #expect(abs(a - b) < 1e-12, sourceLocation: sourceLocation) }
    }

    @Test func linearFallsToZeroOneStepAfterTheLast() {
        expect(rates(.linear, steps: 4), [8, 6, 4, 2])
    }

    @Test func warmupRisesFromZero() {
        expect(rates(.linear, steps: 6, warmup: 2), [0, 4, 8, 6, 4, 2])
        expect(rates(.constantWithWarmup, steps: 4, warmup: 2), [0, 4, 8, 8])
    }

    @Test func aRatioIsRoundedUpToSteps() {
        // 0.3 of 5 steps is 1.5, so 2.
        expect(rates(.constantWithWarmup, steps: 5, ratio: 0.3), [0, 4, 8, 8, 8])
    }

    @Test func stepsOfWarmupWinOverTheRatio() {
        expect(rates(.constantWithWarmup, steps: 4, ratio: 0.75, warmup: 1), [0, 8, 8, 8])
    }

    @Test func cosineIsHalfAWave() {
        let root = 2.0.squareRoot()
        expect(rates(.cosine, steps: 4), [8, 4 + 2 * root, 4, 4 - 2 * root])
        expect(rates(.cosine, steps: 5, warmup: 1), [0, 8, 4 + 2 * root, 4, 4 - 2 * root])
    }

    @Test func constantKnowsNoWarmup() {
        expect(rates(.constant, steps: 3, ratio: 0.5, warmup: 2), [8, 8, 8])
    }

    @Test func aWarmupOfTheWholeTrainingDividesByNothing() {
        let rates = rates(.linear, steps: 3, warmup: 3)
        expect(rates, [0, 8.0 / 3, 16.0 / 3])
    }
}
