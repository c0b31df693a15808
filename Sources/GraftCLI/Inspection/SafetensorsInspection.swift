import Foundation
import Reporting
import Torch

/// Explains a safetensors file from its header.
enum SafetensorsInspection {
    static func section(_ url: URL) throws -> Section {
        let header = try SafetensorsHeader(reading: url)
        let types = StoredTypes(header)
        var section = Section("Safetensors file \(url.path)")
        section.add("size", Quantity.bytes(header.fileSize))
        section.add("tensors", Quantity.count(header.entries.count))
        section.add("elements", Quantity.count(types.parameters))
        section.add("types", types.summary)
        for (key, value) in header.metadata.sorted(by: { $0.key < $1.key }) {
            section.add("metadata \(key)", value.shortened(to: 200))
        }
        section.table = table(header.entries.sorted { $0.name < $1.name })
        return section
    }

    static func table(_ entries: [SafetensorsHeader.Entry]) -> Table {
        Table(
            head: ["TENSOR", "TYPE", "SHAPE", "SIZE"],
            rows: entries.map { [$0.name, $0.dtype.rawValue, "\($0.shape)", Quantity.bytes($0.byteCount)] },
            rightAligned: [3])
    }
}

extension String {
    /// The text, or its beginning with the number of characters that were left out.
    func shortened(to length: Int) -> String {
        count <= length ? self : prefix(length) + "… (\(Quantity.count(count)) characters)"
    }
}
