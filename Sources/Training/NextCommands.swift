import Methods
import Reporting

extension TrainingConfiguration {
    /// What a user may want to do next, as commands.
    func nextCommands(_ outcome: RunOutcome) -> [NextCommand] {
        guard outcome != .interrupted else {
            return [NextCommand(purpose: "continue", command: "graft train \(outputDirectory)/config.yaml --resume")]
        }
        // One task of several, as an example.
        let option =
            method.parts.contains { ($0 as? any TaskRouting).map { $0.nTasks > 1 } ?? false } ? " --task-id 0" : ""
        var commands = [NextCommand(purpose: "look inside", command: "graft inspect \(outputDirectory)")]
        if method.parts.allSatisfy({ type(of: $0).card.mergeContract != .never }) {
            commands.insert(
                NextCommand(
                    purpose: "merge into the model",
                    command:
                        "graft merge --model \(basePath) --adapter \(outputDirectory) --output \(outputDirectory)/merged\(option)"
                ), at: 0)
        }
        switch task {
        case .classification:
            commands.append(
                NextCommand(
                    purpose: "use it",
                    command: "graft predict --model \(basePath) --adapter \(outputDirectory)\(option) --text \"…\""))
        case .imageClassification:
            commands.append(
                NextCommand(
                    purpose: "use it",
                    command:
                        "graft predict --model \(basePath) --adapter \(outputDirectory)\(option) --data \(data.trainFile)"
                ))
        case .causalLM, .seq2seq, .preference:
            commands.append(
                NextCommand(
                    purpose: "use it",
                    command: "graft generate --model \(basePath) --adapter \(outputDirectory)\(option) --prompt \"…\""))
        }
        return commands
    }
}
