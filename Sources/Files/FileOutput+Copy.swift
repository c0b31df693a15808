import Foundation

extension FileOutput {
    /// Appends a part of another file. Where the system can, the bytes never come into this process.
    ///
    /// - Throws: `FileError`, `.shrank` where the other file has become too short.
    public func copy(from input: FileInput, at offset: Int, count: Int) throws {
        var done = 0
        #if os(Linux)
            while done < count {
                let copied = try copyInKernel(from: input, at: offset + done, count: count - done)
                if copied == 0 { break }
                done += copied
            }
        #endif
        while done < count {
            let piece = try input.read(at: offset + done, count: min(FileOutput.pieceBytes, count - done))
            try write(piece)
            done += piece.count
        }
    }

    private static let pieceBytes = 1 << 20

    #if os(Linux)
        /// - Returns: the bytes that were copied; 0 where the system cannot copy between these two files.
        private func copyInKernel(from input: FileInput, at offset: Int, count: Int) throws -> Int {
            var place = off_t(offset)
            while true {
                let copied = sendfile(descriptor, input.descriptor, &place, min(count, 1 << 30))
                if copied > 0 { return copied }
                if copied == 0 { throw FileError.shrank(path: input.path) }
                switch errno {
                case EINTR: continue
                case EINVAL, ENOSYS, EOPNOTSUPP: return 0
                default: throw FileError.last(.write, path)
                }
            }
        }
    #endif
}
