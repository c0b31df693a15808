import Foundation

@testable import Reporting

/// Small made-up runs that several tests share.
enum Samples {
    static let forecast = Forecast(
        examples: 8000, tokens: 132_480, truncatedShare: 0.0041, paddingShare: 0.031, labelledShare: 0.0604,
        lengths: LengthQuantiles(minimum: 4, median: 15, p95: 34, maximum: 128), trainableParameters: 91_181,
        totalParameters: 22_804_397,
        memoryParts: [
            MemoryPart(name: "frozen weights", bytes: 90_852_864), MemoryPart(name: "activations", bytes: 214_958_080),
        ], batchesPerEpoch: 250, steps: 500)

    static func description(totalSteps: Int = 500, resumedFrom step: Int = 0, task: String = "classification")
        -> RunDescription
    {
        RunDescription(
            model: "models/all-MiniLM-L6-v2", method: "lora", task: task, outputFolder: "runs/demo",
            forecast: forecast, trainableParameters: 91_181, totalParameters: 22_804_397, device: "cpu", threads: 4,
            seed: 42, totalSteps: totalSteps, epochs: 2, resumedFromStep: step,
            mainMetric: MainMetric("eval_accuracy", greaterIsBetter: true))
    }

    static func step(_ step: Int, loss: Double = 1.5, of total: Int = 500, seconds: Double = 0.25) -> StepRecord {
        StepRecord(
            step: step, epoch: 2 * Double(step) / Double(total), loss: loss, gradientNorm: 0.75, learningRate: 2.5e-4,
            tokens: 500, labelledTokens: 32, paddingTokens: 20, examples: 32, seconds: seconds,
            memoryBytes: 600 << 20)
    }

    static func evaluation(_ step: Int, accuracy: Double, isBest: Bool = false) -> EvaluationRecord {
        EvaluationRecord(
            step: step, epoch: Double(step) / 250, metrics: ["loss": 1.25, "accuracy": accuracy], seconds: 2,
            isBest: isBest)
    }

    static func summary(_ outcome: RunOutcome = .completed) -> RunSummary {
        RunSummary(
            outcome: outcome, steps: 500, epochs: 2, seconds: 161.5, metrics: ["accuracy": 0.7213, "loss": 1.036],
            bestStep: 450, baselines: [Baseline(name: "linear_probe", metrics: ["accuracy": 0.3621])],
            trainableParameters: 91_181, totalParameters: 22_804_397, peakMemoryBytes: 625 << 20,
            adapterBytes: 372_736,
            classes: [ClassResult(name: "noun.act", support: 10, precision: 0.5, recall: 0.25, f1: 1.0 / 3)],
            confusions: [ConfusedPair(label: "noun.act", prediction: "noun.event", count: 5, share: 0.5)],
            files: [RunFile(label: "adapter", path: "runs/demo/adapter")],
            nextCommands: [NextCommand(purpose: "Try it", command: "graft predict --adapter runs/demo/adapter")])
    }

    static let environment = RunEnvironment(
        graft: "0.1.0", engine: "libtorch 2.13.0", cpu: "some processor", threads: 4, memoryBytes: 8 << 30,
        system: "Linux", startedAt: "2025-01-01T00:00:00Z")
}

/// A folder that exists while `body` runs.
func withTemporaryFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appending(path: "graft-reporting-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
}
