import Adapters
import Foundation
import JSON
import Methods
import Support
import Torch

extension TrainingSession {
    /// Writes the adapter as it is now, with what it was made from.
    func writeAdapter(to folder: URL) throws {
        let checkpoint = URL(fileURLWithPath: configuration.basePath)
        var provenance = AdapterProvenance()
        provenance.method = type(of: resolvedMethod).card.name
        provenance.options = try MethodConfiguration(resolvedMethod).json
        provenance.seed = configuration.training.seed
        provenance.randomAlgorithm = RandomKey.algorithm
        provenance.baseDigest = try digests.base(self, checkpoint)
        if configuration.task != .imageClassification { provenance.tokenizerDigest = try digests.tokenizer(checkpoint) }
        provenance.dataDigest = try digests.data(configuration)
        provenance.configurationDigest = try digests.configuration(configuration)
        provenance.labels = data.labels?.names
        provenance.version = GraftVersion.current
        try AdapterFolder.write(
            resolvedMethod, grafts, of: model, to: folder, provenance: provenance,
            taskType: configuration.task.peftName, baseModelPath: configuration.basePath)
    }
}
