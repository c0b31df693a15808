import Adapters
import Backbones
import Foundation
import Networks
import Reporting
import Torch

extension TrainingConfiguration {
    /// The folder of a run that holds the random start of a model trained from scratch.
    static let newBaseName = "base"

    /// The checkpoint that the adapter belongs to: the model's folder, or the start that the run itself wrote.
    var basePath: String { fromScratch ? outputDirectory + "/" + Self.newBaseName : model }

    /// Refuses to put the random start in the place of a folder that no run of this output left.
    func requireFreeBase(_ start: TrainingRun.Start) throws {
        guard fromScratch, case .new = start, FileManager.default.fileExists(atPath: basePath) else { return }
        throw TrainingError.files(
            "output_dir: \(basePath) exists already, where from_scratch writes its start; name another folder")
    }

    /// The model that the training begins with.
    func start(_ config: ModelConfig, head: Head?, device: Device, padTokenID: Int?) throws -> LoadedModel {
        let options = NetworkBuilder.Options(device: device, seed: training.seed)
        if fromScratch {
            return try Backbones.random(config, head: head, options: options, padTokenID: padTokenID)
        }
        do {
            return try Backbones.load(
                URL(fileURLWithPath: model), head: head, options: options, padTokenID: padTokenID)
        } catch let error as CheckpointError {
            guard case .noWeights = error else { throw error }
            throw TrainingError.files("\(error); from_scratch: true trains a new model of this configuration")
        }
    }
}

extension TrainingSession {
    /// Writes the random start as a checkpoint in the run's folder, so that the adapter has a base that can be named,
    /// held against its digest, evaluated and merged. A run that goes on after a step finds it there.
    func writeNewBase() throws {
        guard configuration.fromScratch else { return }
        let folder = URL(fileURLWithPath: configuration.basePath)
        try NewCheckpoint.write(
            model, config: modelConfig, head: configuration.head(classes: data.labels?.count),
            labels: data.labels?.names,
            companions: URL(fileURLWithPath: configuration.model), to: folder)
    }

    /// What a start from nothing means for the user.
    var fromScratchWarnings: [RunWarning] {
        guard configuration.fromScratch else { return [] }
        var warnings: [RunWarning] = []
        let folder = URL(fileURLWithPath: configuration.model)
        let weights = ["model.safetensors", "model.safetensors.index.json"]
        if weights.contains(where: { FileManager.default.fileExists(atPath: folder.appendingPathComponent($0).path) }) {
            warnings.append(
                RunWarning(
                    code: "weights_unused",
                    message:
                        "from_scratch is set: the weights in \(configuration.model) are not used, all start at random"))
        }
        let frozen = model.parameters.keys.count { grafts.parameters[$0] == nil }
        if frozen > 0 {
            warnings.append(
                RunWarning(
                    code: "random_frozen",
                    message:
                        "from_scratch is set, but the method leaves \(frozen) of \(model.parameters.count) tensors as "
                        + "they were drawn; method full trains them all"))
        }
        return warnings
    }
}
