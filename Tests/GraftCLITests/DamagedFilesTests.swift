import Foundation
import JSON
import Testing
import Torch

/// Files that are not as they should be: one sentence, a status other than 0, nothing of the user's changed, nothing of a
/// run left.
@Suite struct DamagedFilesTests {
    /// A way to damage a workplace, and what the message must say.
    struct Damage: Sendable, CustomTestStringConvertible {
        let name: String
        let parts: [String]
        let apply: @Sendable (Workplace) throws -> Void

        var testDescription: String { name }

        init(_ name: String, says parts: String..., apply: @escaping @Sendable (Workplace) throws -> Void) {
            self.name = name
            self.parts = parts
            self.apply = apply
        }
    }

    private static func weights(_ place: Workplace) -> URL {
        place.model.appendingPathComponent("model.safetensors")
    }

    /// Rewrites the checkpoint's tensors.
    private static func edit(_ place: Workplace, _ change: (inout [(name: String, tensor: Tensor)]) throws -> Void)
        throws
    {
        let file = try SafetensorsFile(weights(place))
        var tensors = try file.names.map { (name: $0, tensor: try file.tensor($0).clone()) }
        try change(&tensors)
        try SafetensorsWriter.write(tensors, metadata: ["format": "pt"], to: weights(place))
    }

    /// Replaces a text in the header of the checkpoint with one of the same length.
    private static func editHeader(_ place: Workplace, _ old: String, _ new: String) throws {
        var data = try Data(contentsOf: weights(place))
        let range = try #require(data.range(of: Data(old.utf8)))
        data.replaceSubrange(range, with: Data(new.utf8))
        try data.write(to: weights(place))
    }

    private static func editConfig(_ place: Workplace, _ key: String, _ value: JSON) throws {
        let file = place.model.appendingPathComponent("config.json")
        var object = try JSON.Node(contentsOf: file).object()
        object[key] = value
        try Data(JSON.object(object).serializedBytes(.pretty)).write(to: file)
    }

    private static let query = "bert.encoder.layer.0.attention.self.query.weight"

    static let damages: [Damage] = [
        Damage("truncated weights", says: "model.safetensors") { place in
            let data = try Data(contentsOf: weights(place))
            try data.prefix(data.count / 2).write(to: weights(place))
        },
        Damage("weights without a header", says: "model.safetensors") { place in
            try Data([1, 2, 3]).write(to: weights(place))
        },
        Damage("a header longer than the file", says: "model.safetensors") { place in
            try Data([0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0x7B]).write(to: weights(place))
        },
        Damage("overlapping tensors", says: "model.safetensors") { place in
            let header = try SafetensorsHeader(reading: weights(place))
            let start = header.entries.map(\.offset).min() ?? 0
            let second = try #require(header.entries.first { $0.offset > start })
            let (from, to) = (second.offset - start, second.offset - start + second.byteCount)
            // One byte earlier: it now shares a byte with its neighbour.
            let digits = String(from).count
            let moved = String(repeating: "0", count: max(0, digits - String(from - 1).count)) + String(from - 1)
            try editHeader(place, "[\(from),\(to)]", "[\(moved),\(to)]")
        },
        Damage("a tensor of another shape", says: query, "shape") { place in
            try edit(place) { tensors in
                let index = try #require(tensors.firstIndex { $0.name == query })
                tensors[index].tensor = try Tensor.zeros([3, 5])
            }
        },
        Damage("a tensor that is missing", says: query) { place in
            try edit(place) { $0.removeAll { $0.name == query } }
        },
        Damage("a tensor too many", says: "bert.encoder.layer.0.surprise") { place in
            try edit(place) { $0.append(("bert.encoder.layer.0.surprise", try Tensor.zeros([2]))) }
        },
        Damage("NaN in a weight", says: query, "NaN") { place in
            try edit(place) { tensors in
                let index = try #require(tensors.firstIndex { $0.name == query })
                try tensors[index].tensor.mulInPlace(.nan)
            }
        },
        Damage("no weights", says: "safetensors") { try FileManager.default.removeItem(at: weights($0)) },
        Damage("weights in a pickle only", says: "pytorch_model.bin") { place in
            try FileManager.default.moveItem(
                at: weights(place), to: place.model.appendingPathComponent("pytorch_model.bin"))
        },
        Damage("no tokenizer", says: "tokenizer.json") { place in
            try FileManager.default.removeItem(at: place.model.appendingPathComponent("tokenizer.json"))
        },
        Damage("a tokenizer of an unknown kind", says: "Wordpeice") { place in
            try Data(#"{"model": {"type": "Wordpeice", "vocab": {}}}"#.utf8)
                .write(to: place.model.appendingPathComponent("tokenizer.json"))
        },
        Damage("no configuration", says: "config.json") { place in
            try FileManager.default.removeItem(at: place.model.appendingPathComponent("config.json"))
        },
        Damage("a configuration that is no JSON", says: "config.json", "line 1") { place in
            try Data("{nonsense".utf8).write(to: place.model.appendingPathComponent("config.json"))
        },
        Damage("an unknown family", says: "model_type", "`berd`", "`bert`") {
            try editConfig($0, "model_type", "berd")
        },
        Damage("a field that is not computed", says: "position_embedding_type", "relative_key") {
            try editConfig($0, "position_embedding_type", "relative_key")
        },
        Damage("sizes that no machine has", says: "hidden_size") { try editConfig($0, "hidden_size", 1_000_000_007) },
        Damage("no rows", says: "rows.jsonl") { try Data().write(to: $0.rows) },
        Damage("one label only", says: "label", "red") { place in
            try Data(String(repeating: #"{"text": "red a", "label": "red"}"# + "\n", count: 9).utf8).write(
                to: place.rows)
        },
        Damage("a row that is no JSON", says: "rows.jsonl:2") { place in
            try Data(#"{"text": "red a", "label": "red"}"#.utf8 + Data("\n{oops\n".utf8)).write(to: place.rows)
        },
        Damage("a missing column", says: "label", "lable") { place in
            try Data((#"{"text": "red a", "lable": "red"}"# + "\n").utf8).write(to: place.rows)
        },
        Damage("bytes that are no UTF-8", says: "rows.jsonl", "UTF-8") { place in
            try Data([0x7B, 0x22, 0xFF, 0xFE, 0x22, 0x7D, 0x0A]).write(to: place.rows)
        },
    ]

    @Test(arguments: damages) func isOneError(_ damage: Damage) throws {
        try Workplace.with("bert") { place in
            try damage.apply(place)
            let before = try fingerprints(place.folder)
            let outcome = try place.graft(place.arguments("classification"))
            #expect(outcome.status == 1, "\(outcome.status) \(outcome.errors)")
            #expect(outcome.errors.hasPrefix("error: "), "\(outcome.errors)")
            #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
            for part in damage.parts { #expect(outcome.errors.contains(part), "\(part): \(outcome.errors)") }
            #expect(try fingerprints(place.folder) == before)
        }
    }

    @Test(arguments: ["/proc/graft-run", "/dev/null/run"])
    func aFolderThatCannotBeWrittenIsOneError(_ output: String) throws {
        try Workplace.with("bert") { place in
            let outcome = try place.graft(place.arguments("classification", output: output))
            #expect(outcome.status == 1)
            #expect(outcome.errors.hasPrefix("error: output_dir: "), "\(outcome.errors)")
        }
    }

    /// A real file system without space, where the tests may mount one.
    @Test(.enabled(if: getuid() == 0)) func aFullDiskIsOneErrorAndKeepsWhatWasThere() throws {
        try Workplace.with("bert") { place in
            let disk = place.folder.appendingPathComponent("disk")
            try FileManager.default.createDirectory(at: disk, withIntermediateDirectories: true)
            guard try shell("mount -t tmpfs -o size=64k tmpfs '\(disk.path)'") == 0 else { return }
            defer { _ = try? shell("umount '\(disk.path)'") }
            try Data("mine".utf8).write(to: disk.appendingPathComponent("note.txt"))
            let outcome = try place.graft(
                place.arguments(
                    "classification", ["--set", "save_strategy=steps", "--set", "save_steps=1"], output: "disk"))
            #expect(outcome.status == 1, "\(outcome.errors)")
            #expect(outcome.errors.contains("space"), "\(outcome.errors)")
            #expect(try Data(contentsOf: disk.appendingPathComponent("note.txt")) == Data("mine".utf8))
            let left = try FileManager.default.contentsOfDirectory(atPath: disk.path)
            #expect(!left.contains { $0.hasSuffix(".tmp") }, "\(left)")
        }
    }

    private func shell(_ command: String) throws -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", command + " 2>/dev/null"]
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
    }

    /// Every file below a folder with its bytes.
    private func fingerprints(_ folder: URL) throws -> [String: Data] {
        var result: [String: Data] = [:]
        for path in try FileManager.default.subpathsOfDirectory(atPath: folder.path) {
            result[path] = (try? Data(contentsOf: folder.appendingPathComponent(path))) ?? Data()
        }
        return result
    }
}
