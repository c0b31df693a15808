import Datasets
import Foundation
import Networks

extension TrainedModel {
    /// The network with its adapter in effect, for what writes texts with it.
    public var network: Model { model }

    /// The sources of a file's rows, which need no targets.
    /// - Throws: `DatasetError` for a row that cannot be read; rows without a text are among them. `TrainingError` for a
    ///   model that is not for seq2seq.
    public func sources(of file: URL) throws -> [String] {
        guard task == .seq2seq else {
            throw TrainingError.option("this model is for \(task.rawValue) and has no sources to read")
        }
        let rows = try SampleSet(reading: DataFile(file), for: data.datasetTask(task, readsLabels: false))
        return rows.samples.compactMap { sample in
            if case .text(let text, _) = sample.content { text } else { nil }
        }
    }
}
