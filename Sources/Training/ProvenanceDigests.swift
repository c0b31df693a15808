import Adapters
import Foundation
import JSON

/// Digests of what a run was made from, each computed once however often the adapter is written.
final class ProvenanceDigests {
    private var known: [String: String] = [:]

    func base(_ session: TrainingSession, _ checkpoint: URL) throws -> String? {
        try once("base") { try BaseDigest.compute(session.grafts, on: session.model, checkpoint: checkpoint) }
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
