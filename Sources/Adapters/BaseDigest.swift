import Files
import Foundation
import Networks
import Torch

/// The digest of the base weights that an adapter was made for: SHA-256 over the names, types, shapes and stored bytes
/// of the tensors that the adapter touches, in the order of their names.
///
/// The bytes are the checkpoint's own, whatever type the network computes in, and the names are the network's, so that
/// neither sharding nor an older spelling of the names changes it.
public enum BaseDigest {
    /// The digest of what `grafts` touch.
    ///
    /// - Parameter checkpoint: the folder that the model was loaded from.
    /// - Returns: nil where the checkpoint has none of these tensors.
    public static func compute(_ grafts: GraftSet, on model: Model, checkpoint: URL) throws -> String? {
        try compute(touched(by: grafts, on: model), in: CheckpointFiles(folder: checkpoint))
    }

    private static func compute(_ parameters: [Parameter], in files: CheckpointFiles) throws -> String? {
        // Read, not mapped: pages of a map that were looked at would count as memory of this process.
        var opened: [URL: FileInput] = [:]
        var digest = Digest()
        var isEmpty = true
        for parameter in parameters.sorted(by: { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }) {
            let entry = try files.entry(parameter.fileName)
            let url = try files.file(of: parameter.fileName)
            let file = try opened[url] ?? FileInput(url)
            opened[url] = file
            digest.update(parameter.name)
            digest.update(entry.dtype.rawValue)
            digest.update(entry.shape.count)
            for size in entry.shape { digest.update(size) }
            digest.update(entry.byteCount)
            try digest.update(file, bytes: entry.offset..<entry.offset + entry.byteCount)
            isEmpty = false
        }
        return isEmpty ? nil : digest.finalize()
    }

    /// The base's parameters that grafts change or stand in for, without those that the checkpoint lacks; all of them for
    /// an adapter that acts beside the weights, such as a prompt.
    private static func touched(by grafts: GraftSet, on model: Model) -> [Parameter] {
        let sites = grafts.projections.keys.compactMap { model.projections[$0] }
        let parameters =
            sites.flatMap { [$0.weight, $0.bias].compactMap { $0 } }
            + grafts.norms.keys.compactMap { model.norms[$0] }.flatMap { [$0.weight, $0.bias].compactMap { $0 } }
            + grafts.parameters.keys.compactMap { model.parameters[$0] }
        let touched = parameters.isEmpty ? Array(model.parameters.values) : parameters
        let byName = Dictionary(touched.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        return byName.values.filter { !$0.isNew }
    }
}
