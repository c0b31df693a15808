import Adapters
import Foundation
import Networks
import Torch

/// What a transform made of a run.
struct TransformedRun {
    /// The network as it is after the transform.
    let model: Model
    /// What the result is stored in.
    let file: URL
    /// What the file is, in the report.
    let label: String
}

extension RunTransform {
    /// Makes the result in a folder of its own inside the run's, and loads what it stands for. An earlier result, of a run
    /// that is resumed, is replaced.
    func apply(to folder: URL, of session: TrainingSession) throws -> TransformedRun {
        let result = folder.appendingPathComponent(name)
        let work = folder.appendingPathComponent(".\(name)")
        for url in [result, work] where FileManager.default.fileExists(atPath: url.path) {
            try FileManager.default.removeItem(at: url)
        }
        defer { try? FileManager.default.removeItem(at: work) }
        let base = URL(fileURLWithPath: session.configuration.model)
        switch self {
        case .compeft(let options):
            _ = try CompressedAdapter.compress(folder, base: base, to: result, options: options)
            try CompressedAdapter.decompress(result, base: base, to: work)
            return TransformedRun(
                model: try load(base, adapter: work, session),
                file: result.appendingPathComponent(CompressedAdapter.fileName), label: "compressed adapter")
        case .skillLocalization(let options):
            let (fine, patched) = (work.appendingPathComponent("fine"), work.appendingPathComponent("patched"))
            try FileManager.default.createDirectory(at: work, withIntermediateDirectories: true)
            try FileManager.default.createDirectory(at: result, withIntermediateDirectories: true)
            _ = try Merger.merge(base: base, adapter: folder, to: fine)
            let outcome = try SkillLocalization(pre: base, fine: fine, rows: session.data, options: options).run()
            let file = result.appendingPathComponent("skill.safetensors")
            try outcome.difference.write(to: file, base: base)
            try SparseDifference(contentsOf: file, base: base).apply(to: base, writing: patched)
            return TransformedRun(model: try load(patched, adapter: nil, session), file: file, label: "skill")
        }
    }

    private func load(_ checkpoint: URL, adapter: URL?, _ session: TrainingSession) throws -> Model {
        try AdaptedModel(
            folder: checkpoint, adapter: adapter, options: .init(device: session.device),
            padTokenID: session.data.padID
        ).loaded.model
    }
}
