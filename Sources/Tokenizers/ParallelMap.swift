import Foundation

/// Work on many texts, on all cores.
enum ParallelMap {
    /// Results as they come in from several threads; each thread writes its own places.
    private final class Results<Output>: @unchecked Sendable {
        // Guarded by the lock.
        private let lock = NSLock()
        private var chunks: [Int: Result<[Output], any Error>] = [:]

        func set(_ chunk: Int, _ result: Result<[Output], any Error>) { lock.withLock { chunks[chunk] = result } }

        /// - Throws: the error of the first chunk that has one.
        func joined() throws -> [Output] {
            let chunks = lock.withLock { self.chunks }
            return try chunks.keys.sorted().flatMap { try chunks[$0]?.get() ?? [] }
        }
    }

    /// Inputs per piece of work: enough to make starting it cheap, few enough to share evenly.
    private static let chunkSize = 64

    static func map<Input: Sendable, Output: Sendable>(
        _ inputs: [Input], _ scratches: ScratchPool, _ body: @Sendable (Input, Scratch) throws -> Output
    ) throws -> [Output] {
        let count = (inputs.count + chunkSize - 1) / chunkSize
        if count <= 1 { return try scratches.with { scratch in try inputs.map { try body($0, scratch) } } }
        let results = Results<Output>()
        DispatchQueue.concurrentPerform(iterations: count) { chunk in
            let range = (chunk * chunkSize)..<min(inputs.count, (chunk + 1) * chunkSize)
            results.set(
                chunk, Result { try scratches.with { scratch in try inputs[range].map { try body($0, scratch) } } })
        }
        return try results.joined()
    }
}
