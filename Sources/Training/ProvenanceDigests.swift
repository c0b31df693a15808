import Adapters
import Foundation
import JSON

/// Digests of what a run was made from, each computed once however often the adapter is written.
final class ProvenanceDigests {
    private var known: [String: String] = [:]

    func base(_ session: TrainingSession, _ checkpoint: URL) throws -> String? {
        let grafts = try session.grafts.withoutUntouched(of: session.model)
        // Parameters that are copied on demand become part of the adapter while it is trained.
        return try once("base of \(grafts.parameters.keys.joined(separator: " "))") {
            try BaseDigest.compute(grafts, on: session.model, checkpoint: checkpoint)
        }
    }

    func tokenizer(_ checkpoint: URL) throws -> String? {
        try once("tokenizer") { try Digest.file(checkpoint.appendingPathComponent("tokenizer.json")) }
    }

    func data(_ configuration: TrainingConfiguration) throws -> String? {
        try once("data") { try Digest.file(URL(fileURLWithPath: configuration.data.trainFile)) }
    }

    func configuration(_ configuration: TrainingConfiguration) throws -> String? {
        try once("configuration") {
            var digest = Digest()
            digest.update(try configuration.json.serialized())
            return digest.finalize()
        }
    }

    private func once(_ name: String, _ make: () throws -> String?) throws -> String? {
        if let digest = known[name] { return digest }
        let digest = try make()
        known[name] = digest
        return digest
    }
}
