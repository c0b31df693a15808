import Files
import Foundation

/// A tensor as it lies in its file, none of it read.
public struct StoredTensor: Sendable {
    /// Its type, shape and place.
    public let entry: SafetensorsHeader.Entry
    let input: FileInput
}

extension CheckpointFiles {
    /// A tensor to be copied into another file as it is.
    ///
    /// - Throws: `CheckpointError.unknownTensor` with the nearest name, `FileError` where its file cannot be opened.
    public func stored(_ name: String) throws -> StoredTensor {
        StoredTensor(entry: try entry(name), input: try FileInput(file(of: name)))
    }
}
