import Foundation

/// What `graft inspect` understands.
enum Inspection {
    /// What can be wrong with a path.
    enum Failure: Error, Equatable, CustomStringConvertible {
        case missing(path: String)
        case unknown(path: String)

        var description: String {
            switch self {
            case .missing(let path):
                "\(path): there is no such file or folder"
            case .unknown(let path):
                "\(path) is nothing that graft knows: give a checkpoint (config.json), an adapter (adapter_config.json), "
                    + "a run (run.json), a golden case (case.json), a .safetensors file or a tokenizer.json"
            }
        }
    }

    /// Explains a path by what its name or its files say it is.
    static func sections(of url: URL) throws -> [Section] {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) else {
            throw Failure.missing(path: url.path)
        }
        return try isFolder.boolValue ? folder(url) : file(url)
    }

    private static func folder(_ url: URL) throws -> [Section] {
        func holds(_ name: String) -> Bool {
            FileManager.default.fileExists(atPath: url.appendingPathComponent(name).path)
        }
        var sections: [Section] = []
        if holds("case.json") { return [try CaseInspection.section(url)] }
        if holds("run.json") { sections += try RunInspection.sections(url) }
        if holds("adapter_config.json") { sections.append(try AdapterInspection.section(url)) }
        // An adapter folder of Python's peft may hold the configuration of its base, too.
        if sections.isEmpty, holds("config.json") { sections += try ModelInspection.sections(url) }
        if sections.isEmpty, holds("tokenizer.json") {
            sections.append(try TokenizerInspection.section(url.appendingPathComponent("tokenizer.json")))
        }
        guard !sections.isEmpty else { throw Failure.unknown(path: url.path) }
        return sections
    }

    /// Files that say what the folder around them is.
    private static let signposts = [
        "case.json", "run.json", "result.json", "metrics.jsonl", "adapter_config.json", "config.json",
    ]

    private static func file(_ url: URL) throws -> [Section] {
        let name = url.lastPathComponent
        if name.hasSuffix(".safetensors") { return [try SafetensorsInspection.section(url)] }
        if name == "tokenizer.json" { return [try TokenizerInspection.section(url)] }
        if signposts.contains(name) { return try folder(url.deletingLastPathComponent()) }
        throw Failure.unknown(path: url.path)
    }
}
