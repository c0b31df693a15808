import Adapters
import Foundation
import Networks
import Reporting
import Torch

/// The density and the scale of a compression that serve an adapter best, found by measuring on rows (ComPEFT: Yadav et
/// al. 2023, arXiv 2311.13171, section 2). Nothing is trained; the rows must not be those of the final test.
public struct CompressionSearch {
    /// The paper's densities.
    public static let densities = [0.05, 0.1, 0.2, 0.3, 0.5]
    /// The paper's scales.
    public static let alphas = [0.5, 1, 2, 3, 4, 5, 6, 8, 10]

    /// One candidate and what was measured of it.
    public struct Trial: Sendable, Equatable {
        /// k.
        public let density: Double
        /// α.
        public let alpha: Double
        /// The main metric.
        public let value: Double
    }

    /// What a search found.
    public struct Outcome: Sendable {
        /// The name of the metric that decided.
        public let metric: String
        /// The adapter's own, before compression.
        public let uncompressed: Double
        /// All candidates in the order of their densities and scales.
        public let trials: [Trial]
        /// The best of them: of equals the one of the lowest density, then of the lowest scale.
        public let best: Trial
    }

    /// Candidates of k.
    public var densities = CompressionSearch.densities
    /// Candidates of α.
    public var alphas = CompressionSearch.alphas
    /// What the candidates share.
    public var options = ComPEFT()
    /// What the update is taken from.
    public var reference = CompressedAdapter.Reference.start

    /// A search over the paper's grid.
    public init() {}

    /// Measures every candidate.
    ///
    /// - Parameters:
    ///   - base: the checkpoint that the adapter belongs to.
    ///   - rows: labelled rows that neither trained the adapter nor will test it.
    ///   - data: how the rows are read.
    ///   - progress: called with each candidate once it is measured.
    /// - Throws: `CompressionError`, and what loading, reading and running throw.
    public func run(
        adapter: URL, base: URL, on rows: URL, data: DataOptions = DataOptions(), batchSize: Int = 32,
        device: Device = .cpu, progress: (Trial) throws -> Void = { _ in }
    ) async throws -> Outcome {
        let source = try AdapterUpdate(adapter, base: base, reference: reference)
        let trained = try TrainedModel(folder: base, adapter: adapter, data: data, device: device)
        let batches = try await trained.evaluationBatches(rows, batchSize: batchSize)
        let objective = try trained.task.objective(classes: trained.labels.count)
        let metric = objective.mainMetric
        func measure() throws -> Double {
            try objective.evaluate(trained.model, batches, on: device).metrics[metric.name] ?? .nan
        }
        let uncompressed = try measure()
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("graft-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        var trials: [Trial] = []
        for density in densities.sorted() {
            var candidate = options
            (candidate.density, candidate.alpha) = (density, 1)
            // The signs are those of every scale.
            let update = try candidate.compress(source.changes)
            for alpha in alphas.sorted() {
                candidate.alpha = alpha
                try candidate.validate()
                try source.write(update.scaled(alpha: alpha), to: folder)
                for name in trained.model.adapters.keys { try trained.model.remove(name) }
                try AdapterFolder.load(from: folder, onto: trained.adapted.loaded, allowsOtherBase: true)
                let trial = Trial(density: density, alpha: alpha, value: try measure())
                trials.append(trial)
                try progress(trial)
            }
        }
        func isBetter(_ one: Trial, than other: Trial) -> Bool {
            metric.greaterIsBetter ? one.value > other.value : one.value < other.value
        }
        let measured = trials.filter { !$0.value.isNaN }
        guard let first = measured.first else {
            throw CompressionError.option("search: \(metric.name) is undefined on the rows for every candidate")
        }
        let best = measured.dropFirst().reduce(first) { isBetter($1, than: $0) ? $1 : $0 }
        return Outcome(metric: metric.name, uncompressed: uncompressed, trials: trials, best: best)
    }
}
