import Foundation
import Graft
import JSON
import Testing

@testable import Methods
@testable import Training

/// Several methods as one: what acts where, what is refused, and that nothing of them is lost.
@Suite struct CombinationTests {
    private static func method(_ parts: String) throws -> any Methods.Method {
        try MethodConfiguration(.init(.parse(#"{"name": "combine", "methods": \#(parts)}"#))).method
    }

    private func trial(_ parts: String) async throws -> Trial {
        let tiny = try TinyCheckpoint.bert()
        return try await Trial((tiny, { try tiny.classification("run", method: $0) }), Self.method(parts))
    }

    // MARK: Options

    @Test func namesAndObjectsAreReadAndWrittenInFull() throws {
        let method = try Self.method(#"["bitfit", {"name": "ia3", "learning_rate_factor": 8}]"#)
        let combination = try #require(method as? Combination)
        #expect(combination.methods.map(\.learningRateFactor) == [1, 8])
        #expect(combination.parts.first is BitFit && combination.parts.last is IA3)
        let written = try MethodConfiguration(method).json
        #expect(try MethodConfiguration(.init(written)).json == written)
        #expect(written.serialized().contains(#""learning_rate_factor":8"#))
    }

    @Test(arguments: [
        ("[]", "at least two"), (#"["lora"]"#, "at least two"), (#"["lora", "loar"]"#, "nearest is `lora`"),
        (#"["lora", {"name": "ia3", "lora_alpha": 1}]"#, "lora_alpha"),
        (#"["lora", {"name": "lora", "r": 0}]"#, "r: the rank must be positive"),
        (#"["lora", {"name": "ia3", "learning_rate_factor": 0}]"#, "must be positive"),
        (#"["lora", {"name": "combine"}]"#, "inside a combination"),
    ])
    func listsThatCannotBeAreRefused(_ parts: String, _ reason: String) {
        let error = #expect(throws: (any Error).self) { try Self.method(parts) }
        #expect(error.map { "\($0)".contains(reason) } == true, "\(String(describing: error))")
    }

    // MARK: Sites

    @Test(arguments: [
        (#"[{"name": "lora", "r": 2}, {"name": "lora", "r": 4}]"#, "lora and lora both make a tensor"),
        (#"["unipt", {"name": "unipt", "variant": "anchor_embedding"}]"#, "unipt"),
        (#"["full", "bitfit"]"#, "all that bitfit trains is trained"),
        (#"["full", "lora"]"#, "whole, where lora has a graft"),
        (#"[{"name": "kasa", "r": 2}, {"name": "r-amt", "target_modules": ["query"]}]"#, "which r-amt changes"),
        (#"["r-amt", "sparse-mezo"]"#, "r-amt"),
        (
            #"["r-amt", {"name": "ia3", "target_modules": ["key"], "feedforward_modules": []}]"#,
            "ia3 has work of its own"
        ),
        (
            #"[{"name": "adalora", "target_modules": ["query"]}, {"name": "adalora", "target_modules": ["value"]}]"#,
            "adalora is listed twice"
        ),
        (#"["bitfit", {"name": "lora", "target_modules": ["qurey"]}]"#, "lora: target_modules: `qurey`"),
    ])
    func whatCannotStandTogetherIsRefusedBeforeTraining(_ parts: String, _ reason: String) async throws {
        let error = await #expect(throws: MethodError.self) { try await trial(parts) }
        #expect(error.map { "\($0)".contains(reason) } == true, "\(String(describing: error))")
    }

    private static let query = #""target_modules": ["query"]"#
    private static let lora = #"{"name": "lora", "r": 2, \#(query)}"#
    private static let ia3 = #"{"name": "ia3", \#(query), "feedforward_modules": []}"#
    private static let inputs = #"{"name": "ia3", \#(query), "feedforward_modules": ["query"]}"#
    private static let spiel = #"{"name": "spiel", "num_tunable_weights": 20, \#(query)}"#
    private static let mask = #"{"name": "r-amt", \#(query)}"#

    @Test func atOneSiteTheyActInTheOrderOfTheList() async throws {
        let (first, second) = (
            try await trial("[\(Self.lora), \(Self.ia3)]"), try await trial("[\(Self.ia3), \(Self.lora)]")
        )
        try first.perturb { _ in true }
        try second.perturb { _ in true }
        // The same tensors at the same site, the other way round.
        #expect(try first.values { _ in true }.keys.sorted() == second.values { _ in true }.keys.sorted())
        #expect(try first.scores().gap(to: second.scores()) > 1e-4)
        // As two adapters, one added after the other.
        let parts = first.session.grafts.parts
        try first.model.remove(TrainingSession.adapterName)
        let combined = try second.model.withAdapters([]) { try first.scores() }
        #expect(try combined.gap(to: first.baseScores()) == 0)
        for (index, part) in parts.enumerated() { try first.model.add(part, named: "\(index)") }
        let stacked = try first.scores()
        let again = try await trial("[\(Self.lora), \(Self.ia3)]")
        try again.perturb { _ in true }
        #expect(try stacked.isEqual(to: again.scores()))
    }

    @Test(arguments: [
        [lora, ia3], [ia3, lora], [lora, inputs], [inputs, lora], [ia3, spiel], [lora, mask], ["\"ssf\"", lora],
    ])
    func whatEachMergesMergesTogether(_ parts: [String]) async throws {
        let trial = try await trial("[\(parts.joined(separator: ", "))]")
        try trial.perturb { _ in true }
        let unmerged = try trial.scores()
        #expect(try unmerged.gap(to: trial.baseScores()) > 1e-3)
        try trial.model.merge()
        #expect(try trial.scores().gap(to: unmerged) <= 1e-4)
        try trial.model.unmerge()
        #expect(try trial.scores().isEqual(to: unmerged))
    }

    @Test func aMethodThatDoesNotMergeIsNamed() async throws {
        let trial = try await trial(#"["lora", "houlsby"]"#)
        let folder = URL(fileURLWithPath: trial.configuration.outputDirectory)
        try trial.session.writeAdapter(to: folder)
        let error = #expect(throws: AdapterError.self) {
            try Merger.merge(
                base: URL(fileURLWithPath: trial.configuration.model), adapter: folder,
                to: folder.appendingPathComponent("merged"))
        }
        #expect(error.map { "\($0)".contains("an adapter of houlsby cannot") } == true)
    }

    @Test func theFolderHoldsBothConfigurationsAndMergesWithProof() async throws {
        let tiny = try TinyCheckpoint.bert()
        let configuration = try tiny.classification("run", method: Self.method("[\(Self.lora), \"ia3\", \"bitfit\"]"))
        _ = try await observe(configuration)
        let folder = URL(fileURLWithPath: tiny.path("run"))
        let summary = try AdapterFolder.summary(of: folder)
        #expect(summary.config.form == .graft)
        #expect(summary.config.method.parts.map { type(of: $0).card.name } == ["lora", "ia3", "bitfit"])
        let report = try Merger.merge(base: tiny.model, adapter: folder, to: folder.appendingPathComponent("merged"))
        #expect(report.relativeDeviation < 1e-4)
    }

    // MARK: Training

    @Test func theRateOfAMethodIsAMultipleOfTheRuns() async throws {
        let trial = try await trial(#"[\#(Self.lora), {"name": "ia3", "learning_rate_factor": 8}]"#)
        let trainables = trial.session.trainables
        for variable in trial.session.grafts.variables where trial.isOwn(variable) {
            let group = try #require(trainables.group(of: variable))
            let factor = try trainables.rate(of: group, learningRate: 1, at: 0)
            #expect(factor == (variable.name.hasSuffix("ia3_l") ? 8 : 1), "\(variable.name)")
        }
        // The decay that ia3 keeps off its vectors stays off.
        #expect(trainables.groups.contains { $0.weightDecay == 0 && $0.count > 0 })
    }

    @Test(arguments: [
        #"[{"name": "adalora", "target_r": 2, "init_r": 3, "target_modules": ["query"], "tinit": 1, "tfinal": 1, "deltaT": 1}, {"name": "kasa", "r": 2, "target_modules": ["value"]}, "ln_tuning"]"#,
        #"[{"name": "spiel", "num_tunable_weights": 20, "target_modules": ["key"]}, {"name": "increlora", "target_modules": ["value"]}]"#,
        #"[{"name": "dr-tune", "queue_size": 20}, {"name": "houlsby", "bottleneck": 4}]"#,
        #"["r-amt", {"name": "lora", "r": 2, "target_modules": ["output.dense"]}]"#,
        #"["vpt", "lora"]"#, #"["prompt_tuning", {"name": "houlsby", "bottleneck": 4}]"#,
    ])
    func anInterruptedRunEndsAsOneThatWasNot(_ parts: String) async throws {
        let (text, images) = (try TinyCheckpoint.bert(), try TinyImages())
        let method = try Self.method(parts)
        let isVision = parts.contains("vpt")
        var configuration =
            try isVision
            ? images.classification("run", method: method)
            : text.classification("run", method: method)
        configuration.training.maxSteps = 5
        configuration.training.gradientAccumulationSteps = 2
        configuration.training.perDeviceTrainBatchSize = 4
        try await expectExactResume(configuration)
    }

    /// Each method beside a few LoRA factors of its own corner: it trains, and its folder computes the same.
    @Test(arguments: MethodRegistry.all.map(Subject.init).filter { $0.card.name != "combine" })
    func everyMethodGoesWithAnother(_ subject: Subject) async throws {
        let alone = try await subject.trial()
        let partner = "{\"name\": \"bitfit\", \"target_modules\": [\"\(Self.corner(alone.model))\"]}"
        let options = try MethodConfiguration(alone.configuration.method).json.serialized()
        var configuration = alone.configuration
        let trial: Trial
        do {
            configuration.method = try Self.method("[\(options), \(partner)]")
            trial = try await Trial((Keeper(alone), { _ in configuration }), configuration.method)
        } catch let error as MethodError {
            // Whole models are trained by the first already; llama has no biases.
            let reasons = ["all that bitfit trains", "bitfit: bias_set", "corda are written as those of another"]
            #expect(reasons.contains { "\(error)".contains($0) }, "\(error)")
            return
        }
        var course = trial.course
        try course.run(0..<2)
        let saved = try trial.scores()
        let folder = URL(fileURLWithPath: configuration.outputDirectory)
        try trial.session.writeAdapter(to: folder)
        let other = try trial.freshBase()
        try AdapterFolder.load(from: folder, onto: other)
        #expect(try trial.scores(of: other.model).gap(to: saved) <= 1e-6)
    }

    /// Keeps the files of a trial.
    private final class Keeper {
        let trial: Trial
        init(_ trial: Trial) { self.trial = trial }
    }

    /// A linear layer with a bias.
    private static func corner(_ model: Model) -> String {
        model.projections.values.last { $0.bias != nil && $0.path.contains("dense") || $0.path.contains("fc") }?.path
            ?? model.projections.keys.last ?? ""
    }
}

extension Tensor {
    /// The largest difference.
    fileprivate func gap(to other: Tensor) throws -> Double {
        try (to(.float64) - other.to(.float64)).abs().amax().item()
    }
}
