import Foundation

/// Examples in the order of their rows.
public struct EncodedDataset: Sendable {
    /// The examples.
    public let examples: [Example]
    /// How many rows of the file were left out because a text was empty.
    public let skippedRows: Int

    /// Collects examples.
    public init(examples: [Example], skippedRows: Int = 0) {
        self.examples = examples
        self.skippedRows = skippedRows
    }

    /// The number of tokens of each example.
    public var lengths: [Int] { examples.map(\.length) }
}

/// What a data set is encoded for.
public enum EncodingTask: Sendable {
    /// One class or number per text.
    case classification
    /// Labels per token.
    case causalLM
    /// Labels that are a sequence of their own.
    case seq2seq
    /// Labels per token of two texts.
    case preference
}

extension ExampleEncoder {
    /// Encodes all samples, several at a time on different cores; the order stays.
    ///
    /// - Throws: the error of the first faulty sample; `DatasetError.nothingLabelled` where no example of a language
    ///   model has a labelled token; `CancellationError`.
    public func encode(_ set: SampleSet, for task: EncodingTask) async throws -> EncodedDataset {
        let examples = try await encode(set.samples, for: task)
        if task == .causalLM, !examples.isEmpty, examples.allSatisfy({ $0.labelledTokens == 0 }) {
            throw DatasetError.nothingLabelled(examples: examples.count)
        }
        return EncodedDataset(examples: examples, skippedRows: set.skippedRows)
    }

    private static var chunkSize: Int { 64 }

    private func encode(_ samples: [Sample], for task: EncodingTask) async throws -> [Example] {
        let starts = Array(stride(from: 0, to: samples.count, by: Self.chunkSize))
        let workers = max(1, ProcessInfo.processInfo.activeProcessorCount)
        var chunks = [[Example]](repeating: [], count: starts.count)
        var failure: (chunk: Int, error: any Error)?
        try await withThrowingTaskGroup(of: (Int, Result<[Example], any Error>).self) { group in
            var next = 0
            func submit() {
                guard next < starts.count, failure == nil else { return }
                let (chunk, part) = (next, samples[starts[next]...].prefix(Self.chunkSize))
                next += 1
                group.addTask { (chunk, Result { try part.map { try self.example($0, for: task) } }) }
            }
            for _ in 0..<workers { submit() }
            while let (chunk, result) = try await group.next() {
                try Task.checkCancellation()
                switch result {
                case .success(let examples): chunks[chunk] = examples
                case .failure(let error):
                    // Chunks start in order, so that every earlier one is done or under way: the first fault is found.
                    if chunk < failure?.chunk ?? .max { failure = (chunk, error) }
                }
                submit()
            }
        }
        if let failure { throw failure.error }
        return chunks.flatMap { $0 }
    }

    private func example(_ sample: Sample, for task: EncodingTask) throws -> Example {
        var example =
            switch task {
            case .classification: try classification(sample)
            case .causalLM: try causal(sample)
            case .seq2seq: try seq2seq(sample)
            case .preference: try preference(sample)
            }
        example.taskID = sample.taskID
        return example
    }
}
