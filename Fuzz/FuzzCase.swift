import Foundation

/// The files that one execution hands to a reader.
struct FuzzCase: Sendable {
    /// What is under one name.
    enum Content: Sendable, Equatable {
        case bytes([UInt8])
        /// A symbolic link to a path, relative to the case's folder.
        case link(String)
    }

    /// The folder of the corpus that it comes from.
    var name: String
    /// By file name, in the order of the names.
    var files: [(name: String, content: Content)]
}

extension FuzzCase {
    /// The cases of a reader: each folder below `folder` with the files in it.
    static func corpus(in folder: URL) throws -> [FuzzCase] {
        let manager = FileManager.default
        return try manager.contentsOfDirectory(atPath: folder.path).sorted().filter { !$0.hasPrefix(".") }.map { name in
            let place = folder.appendingPathComponent(name)
            let files = try manager.contentsOfDirectory(atPath: place.path).sorted().map { file in
                (name: file, content: Content.bytes([UInt8](try Data(contentsOf: place.appendingPathComponent(file)))))
            }
            return FuzzCase(name: name, files: files)
        }
    }

    /// Writes the files into a folder that holds nothing else.
    func write(to folder: URL) throws {
        for (name, content) in files {
            let file = folder.appendingPathComponent(name)
            switch content {
            case .bytes(let bytes): try Data(bytes).write(to: file)
            case .link(let target):
                try FileManager.default.createSymbolicLink(atPath: file.path, withDestinationPath: target)
            }
        }
    }

    /// Bytes of all files.
    var byteCount: Int {
        files.reduce(0) { sum, file in
            if case .bytes(let bytes) = file.content { sum + bytes.count } else { sum }
        }
    }
}
