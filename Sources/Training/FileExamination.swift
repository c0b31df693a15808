import Backbones
import Foundation

/// Readers of this room that the fuzzer runs by themselves.
package enum FileExamination {
    /// Reads and checks a file of images with labels for a model.
    ///
    /// - Returns: how many images there are.
    /// - Throws: `ImageDataError`, and what opening the file throws.
    package static func imageCount(_ file: URL, for config: ModelConfig) throws -> Int {
        guard let format = try Backbones.imageFormat(config) else { throw ImageDataError.noImages(model: "model") }
        return try ImageFile(file, format: format).samples.count
    }

    /// The newest whole checkpoint of a run's folder, with the reasons why newer ones were passed over.
    package static func newestCheckpoint(in folder: URL) throws -> (newest: URL?, skipped: [String]) {
        let found = try CheckpointStore(folder: folder, limit: nil).newestValid()
        return (found.checkpoint?.folder, found.skipped)
    }
}
