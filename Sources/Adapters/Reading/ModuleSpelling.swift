import Backbones

/// How files name a network's modules: the network's own paths, and an older spelling of them.
public struct ModuleSpelling {
    /// The network's path of a module in any spelling.
    public var canonical: (String) throws -> String
    /// The older spelling of a path of the network.
    public var older: (String) throws -> String

    /// A network whose modules have one name each.
    public init(
        canonical: @escaping (String) throws -> String = { $0 }, older: @escaping (String) throws -> String = { $0 }
    ) {
        self.canonical = canonical
        self.older = older
    }

    /// The spellings of a checkpoint's family.
    public init(_ config: ModelConfig) {
        canonical = { try Backbones.canonicalModulePath($0, for: config) }
        older = { try Backbones.olderModulePath($0, for: config) }
    }

    /// How the paths of a file are spelled: the function that gives a file's path for each of the network's.
    ///
    /// - Parameter paths: module paths of the file.
    func inFile(_ paths: Set<String>) throws -> (String) -> String {
        let canonicalPaths = try paths.map { (file: $0, network: try canonical($0)) }
        let (older, isOwn) = (older, canonicalPaths.allSatisfy { $0.file == $0.network })
        if isOwn { return { $0 } }
        let spellings: [(String) -> String] = [
            { (try? older($0)) ?? $0 }, { $0.withoutFirstModule }, { ((try? older($0)) ?? $0).withoutFirstModule },
        ]
        return spellings.first { spelling in canonicalPaths.allSatisfy { spelling($0.network) == $0.file } } ?? { $0 }
    }
}

extension String {
    /// A path of the bare backbone, as adapters that were trained without a head spell it.
    fileprivate var withoutFirstModule: String {
        firstIndex(of: ".").map { String(self[index(after: $0)...]) } ?? self
    }
}
