import Foundation
import Graft
import JSON
import Networks
import Reporting
import Testing

@testable import Training

/// What the forecast of the memory counts, on a BERT of two blocks: 16 channels, 24 within the MLP, 2 heads.
@Suite struct ForecastMemoryTests {
    private func session(
        _ method: any Methods.Method, dropout: Double = 0, _ change: (inout TrainingConfiguration) -> Void = { _ in }
    ) async throws -> TrainingSession {
        let tiny = try TinyCheckpoint.bert(dropout: dropout)
        var configuration = try tiny.classification("run", method: method)
        change(&configuration)
        return try await TrainingSession.prepare(configuration)
    }

    private func lora(_ targets: [String], r: Int = 8) -> LoRA {
        var method = LoRA()
        (method.targetModules, method.r) = (.list(targets), r)
        return method
    }

    private func bytes(_ session: TrainingSession, _ part: String) -> Int {
        session.forecast.memoryParts.filter { $0.name == part }.reduce(0) { $0 + $1.bytes }
    }

    /// Channels that a forward keeps for each cell.
    private func channels(_ session: TrainingSession) -> Int {
        bytes(session, "activations") / session.memory.cells / 4
    }

    /// What the projections of a block give: q, k, v, o, and the two of the MLP.
    private let block = 4 * 16 + 24 + 16
    /// The pooler and the classifier, with what goes into the classifier, which is trained.
    private let head = 16 + 2 + 16

    @Test func outputsAreKeptAndWhatGoesIntoTrainedProjections() async throws {
        // Query and value read the same.
        let session = try await session(lora(["query", "value"]))
        #expect(channels(session) == 2 * (block + 16) + head)
    }

    @Test func belowTheLowestChangeNothingIsKept() async throws {
        let upper = try await session(lora(["layer.1.attention.self.query"]))
        #expect(channels(upper) == block + 16 + head)
        let key = try await session(lora(["layer.1.attention.self.key"]))
        #expect(channels(key) == block - 16 + 16 + head)
    }

    @Test(arguments: [BitFit(), Houlsby(), PrefixTuning()] as [any Methods.Method])
    func whatChangesOtherPlacesThanProjectionsKeepsTheBlocksToo(_ method: any Methods.Method) async throws {
        #expect(try await channels(session(method)) >= 2 * block)
    }

    @Test func aStepOfForwardsAloneKeepsLessThanABlock() async throws {
        #expect(try await channels(session(SparseMeZO())) <= block)
    }

    @Test func probabilitiesCountWhereTheyAreDropped() async throws {
        let method = lora(["query", "value"])
        let (with, without) = (try await session(method, dropout: 0.1), try await session(method))
        #expect(with.memory.columns > 4 && with.memory.columns == without.memory.columns)
        // Before and after dropout, for 2 heads of 2 blocks.
        #expect(channels(with) - channels(without) == 2 * 2 * 2 * with.memory.columns)
        let upper = try await session(lora(["layer.1.attention.self.query"]), dropout: 0.1)
        #expect(channels(upper) == block + 16 + head + 2 * 2 * upper.memory.columns)
    }

    @Test func trainedValuesHaveACopyAGradientAndTwoMoments() async throws {
        let session = try await session(lora(["query", "value"], r: 2))
        #expect(bytes(session, "trainable values, gradients, moments") == 16 * session.trainables.activeCount)
        #expect(session.trainables.activeCount == 4 * 2 * (16 + 16) + 2 * 16 + 2)
    }

    @Test func scoresOfAVocabularyTakeNoMoreThanTheBatchHas() async throws {
        let tiny = try TinyCheckpoint.llama()
        let session = try await TrainingSession.prepare(tiny.completion("run"))
        let size: Int? = try session.modelConfig.vocabularySize
        let vocabulary = try #require(size)
        #expect(bytes(session, "scores of one chunk") == 2 * session.memory.cells * vocabulary * 4)
    }

    @Test func aSmallerBatchIsForecastAsItIsWhenItIsConfigured() async throws {
        let method = lora(["query", "value"])
        let (whole, half) = (
            try await session(method), try await session(method) { $0.training.perDeviceTrainBatchSize = 4 }
        )
        #expect(bytes(half, "activations") * 2 == bytes(whole, "activations"))
        #expect(half.memory.cells * 2 == whole.memory.cells)
    }
}
