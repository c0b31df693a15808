import Foundation
import Networks
import Torch

/// A checkpoint folder as a source of weights, under the network's names.
struct CheckpointWeights: WeightSource {
    let name: String
    let tensorNames: [String]
    private let files: CheckpointFiles
    private let fileNames: [String: String]

    init(folder: URL, naming: Naming) throws {
        files = try CheckpointFiles(folder: folder)
        name = folder.path
        var fileNames: [String: String] = [:]
        var names: [String] = []
        let canonical = naming.canonicalNames(files.names)
        for fileName in files.names {
            guard let name = canonical[fileName] else { continue }
            if let other = fileNames[name] {
                throw NetworkError.input("\(folder.path) holds both `\(other)` and `\(fileName)`, which are one tensor")
            }
            fileNames[name] = fileName
            names.append(name)
        }
        self.fileNames = fileNames
        tensorNames = names
    }

    func fileName(of name: String) -> String {
        fileNames[name] ?? name
    }

    func tensor(_ name: String) throws -> Tensor? {
        try fileNames[name].map { try files.tensor($0) }
    }

    /// Holds the files against what they were when they were opened.
    func requireUnchanged() throws { try files.requireUnchanged() }
}
