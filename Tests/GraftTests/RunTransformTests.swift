import Foundation
import Graft
import JSON
import Testing

@testable import Training

@Suite struct RunTransformTests {
    private func transform(_ json: JSON) throws -> RunTransform { try RunTransform(JSON.Node(json)) }

    @Test func aNameAndAnObjectReadAndComeBack() throws {
        var options = ComPEFT()
        options.density = 0.05
        let compeft = try transform(["name": "compeft", "density": 0.05])
        #expect(compeft == .compeft(options))
        #expect(try RunTransform(JSON.Node(compeft.json)) == compeft)
        #expect(try transform("skill-localization") == .skillLocalization(LocalizationOptions()))
    }

    @Test(
        arguments: [
            ("compft", "compeft"), (["name": "compeft", "densty": 0.1], "transform.density"),
            (["density": 0.1], "name"), (["name": "compeft", "density": 2], "density"), (3, "transform"),
        ] as [(JSON, String)])
    func wrongOnesAreRefusedByName(json: JSON, word: String) throws {
        let error = #expect(throws: (any Error).self) { try transform(json) }
        #expect(error.map { "\($0)" }?.contains(word) == true, "\(String(describing: error))")
    }

    @Test func whatItCannotBeMadeOfIsRefusedBeforeTraining() throws {
        func configuration(_ extra: JSON.Object) throws -> TrainingConfiguration {
            var object: JSON.Object = ["model": "m", "task": "causal-lm", "train_file": "t", "output_dir": "o"]
            for (key, value) in extra { object[key] = value }
            return try TrainingConfiguration(JSON.Node(.object(object)))
        }
        #expect(throws: TrainingError.self) { try configuration(["transform": "skill-localization"]) }
        #expect(throws: TrainingError.self) {
            try configuration(["transform": "skill-localization", "task": "classification", "method": "prompt_tuning"])
        }
        #expect(throws: TrainingError.self) { try configuration(["transform": "compeft", "from_scratch": true]) }
        #expect(try configuration(["transform": "compeft"]).transform == .compeft(ComPEFT()))
        #expect(try configuration(["transform": .null]).transform == nil)
    }

    /// The metrics of the summary are those of the file that was made, judged anew from the folder.
    @Test func compressedRunsAreJudgedByWhatTheirFileStandsFor() async throws {
        let tiny = try TinyCheckpoint.bert(dropout: 0)
        var configuration = try tiny.classification("run")
        configuration.data.testFile = try tiny.classificationRows(24, offset: 300, to: "test.jsonl")
        configuration.transform = .compeft(ComPEFT())
        configuration.training.learningRate = 0.05
        let summary = try #require(try await observe(configuration).summary)
        let run = tiny.root.appendingPathComponent("run")
        let adapter = tiny.root.appendingPathComponent("decompressed")
        try CompressedAdapter.decompress(run.appendingPathComponent("compeft"), base: tiny.model, to: adapter)
        let rows = URL(fileURLWithPath: try #require(configuration.data.testFile))
        func loss(_ adapter: URL) async throws -> Double? {
            try await TrainedModel(folder: tiny.model, adapter: adapter).evaluate(rows).metrics["loss"]
        }
        let (compressed, plain) = (try #require(try await loss(adapter)), try #require(try await loss(run)))
        #expect(abs(try #require(summary.metrics["loss"]) - compressed) < 1e-6)
        let before = try #require(summary.baselines.first { $0.name == "before_transform" })
        #expect(abs(try #require(before.metrics["loss"]) - plain) < 1e-6)
        #expect(compressed != plain)
        let file = run.appendingPathComponent("compeft/\(CompressedAdapter.fileName)")
        #expect(summary.adapterBytes == (try file.resourceValues(forKeys: [.fileSizeKey]).fileSize))
    }

    @Test func aLocatedSkillIsJudgedInItsBase() async throws {
        let tiny = try TinyCheckpoint.bert(dropout: 0)
        var configuration = try tiny.classification("run")
        configuration.method = FullTuning()
        configuration.data.testFile = try tiny.classificationRows(24, offset: 300, to: "test.jsonl")
        var options = LocalizationOptions()
        (options.sparsity, options.epochs, options.batches) = (0.2, 2, 4)
        configuration.transform = .skillLocalization(options)
        let summary = try #require(try await observe(configuration).summary)
        let run = tiny.root.appendingPathComponent("run")
        let patched = tiny.root.appendingPathComponent("patched")
        try SparseDifference(
            contentsOf: run.appendingPathComponent("skill-localization/skill.safetensors"), base: tiny.model
        ).apply(to: tiny.model, writing: patched)
        let rows = URL(fileURLWithPath: try #require(configuration.data.testFile))
        let judged = try #require(try await TrainedModel(folder: patched).evaluate(rows).metrics["loss"])
        #expect(abs(try #require(summary.metrics["loss"]) - judged) < 1e-6)
        #expect(!FileManager.default.fileExists(atPath: run.appendingPathComponent(".skill-localization").path))
    }
}
