import Files
import Foundation
import JSON
import Reporting
import Torch

/// Explains an adapter folder in peft's format, whether Graft can load it or not.
enum AdapterInspection {
    static func section(_ folder: URL) throws -> Section {
        let config = try JSON.Node(
            contentsOf: folder.appendingPathComponent("adapter_config.json"), maximumBytes: 16 << 20)
        var section = Section("Adapter \(folder.path)")
        let own = try config.optional("graft")
        section.add("method", try (own?.optional("name") ?? config.optional("peft_type"))?.string())
        section.add("task", try config.optional("task_type")?.string())
        section.add("base", try config.optional("base_model_name_or_path")?.string())
        for (key, value) in try config.members() + (own?.optional("options")?.members() ?? [])
        where isWorthTelling(key, value) {
            // The methods of a combination have a line each.
            if key == "methods", let methods = try? value.elements() {
                for method in methods { try add(partOf: method, to: &section) }
            } else {
                section.add(key, value.value.serialized(.init(spacesSeparators: true)).shortened(to: 200))
            }
        }
        let weights = folder.appendingPathComponent("adapter_model.safetensors")
        guard FileManager.default.fileExists(atPath: weights.path) else {
            section.notes.append("there is no adapter_model.safetensors in this folder")
            return section
        }
        try Containment.require(weights, in: folder)
        let header = try SafetensorsHeader(reading: weights)
        let types = StoredTypes(header)
        section.add("parameters", Quantity.count(types.parameters))
        section.add("types", types.summary)
        section.add("size", Quantity.bytes(header.fileSize))
        for (key, value) in header.metadata.sorted(by: { $0.key < $1.key }) where key.hasPrefix("graft.") {
            let name = key.dropFirst("graft.".count).replacing("_", with: " ")
            section.add("recorded \(name)", value.shortened(to: 100))
        }
        section.table = groups(header.entries)
        return section
    }

    /// One method of a combination with those of its options that say something.
    private static func add(partOf method: JSON.Node, to section: inout Section) throws {
        let options = try method.members().filter { $0.key != "name" && isWorthTelling($0.key, $0.node) }
        let told = options.map { "\($0.key): \($0.node.value.serialized(.init(spacesSeparators: true)))" }
        section.add(try method.field("name").string(), told.joined(separator: ", ").shortened(to: 200))
    }

    /// Names that have a line of their own, and bookkeeping of the format.
    private static let told: Set<String> = [
        "peft_type", "task_type", "base_model_name_or_path", "peft_version", "inference_mode", "auto_mapping",
        "revision", "megatron_core", "qalora_group_size", "graft",
    ]

    /// Values other than peft's ways to say "not used".
    private static func isWorthTelling(_ key: String, _ node: JSON.Node) -> Bool {
        guard !told.contains(key) else { return false }
        switch node.value {
        case .null, .bool(false), .string("none"): return false
        case .array(let elements): return !elements.isEmpty
        case .object(let members): return !members.isEmpty
        default: return true
        }
    }

    /// Tensors by what they are of: `query.lora_A.weight` stands once, with the number of layers that have it.
    private static func groups(_ entries: [SafetensorsHeader.Entry]) -> Table {
        var order: [String] = []
        var groups: [String: (count: Int, shapes: Set<[Int]>)] = [:]
        for entry in entries.sorted(by: { $0.name < $1.name }) {
            let end = entry.name.split(separator: ".").suffix(3).joined(separator: ".")
            if groups[end] == nil { order.append(end) }
            groups[end, default: (0, [])].count += 1
            groups[end]?.shapes.insert(entry.shape)
        }
        let rows = order.map { end in
            let group = groups[end] ?? (0, [])
            let shapes = group.shapes.sorted { $0.lexicographicallyPrecedes($1) }.map { "\($0)" }
            return [end, "\(group.count)", shapes.prefix(3).joined(separator: " ") + (shapes.count > 3 ? " …" : "")]
        }
        return Table(head: ["TENSORS THAT END IN", "COUNT", "SHAPE"], rows: rows, rightAligned: [1])
    }
}
