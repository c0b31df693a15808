// README example begins
import Graft

func fineTune(_ model: String, on rows: String, to output: String) async throws {
    var lora = LoRA()
    lora.loraAlpha = 16
    var configuration = TrainingConfiguration(
        model: model, data: rows, task: .classification, method: lora, outputDirectory: output)
    configuration.training.learningRate = 5e-3
    for try await event in try await TrainingRun(configuration).events() {
        if case .step(let step) = event { print("step \(step.step): loss \(step.loss)") }
    }
}
// README example ends
