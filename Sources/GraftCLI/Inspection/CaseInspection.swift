import Foundation
import Golden
import JSON
import Verification

/// Explains a golden case.
enum CaseInspection {
    static func section(_ folder: URL) throws -> Section {
        let golden = try GoldenCase(folder: folder)
        var section = Section("Golden case \(folder.path)")
        section.add("slug", golden.slug)
        section.add("kind", golden.kind)
        section.add("tolerance", "\(golden.tolerance.atol) + \(golden.tolerance.rtol)·|expected|")
        for (key, value) in try golden.config.members() {
            section.add("config \(key)", value.value.serialized().shortened(to: 100))
        }
        section.add("outputs", golden.outputs.joined(separator: " "))
        let tensors = folder.appendingPathComponent("tensors.safetensors")
        if FileManager.default.fileExists(atPath: tensors.path) {
            section.table = try SafetensorsInspection.section(tensors).table
        }
        section.notes = ["run it with: graft verify --cases \(folder.path)"]
        return section
    }
}
