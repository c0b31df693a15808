import Foundation
import Graft
import JSON
import Testing

@testable import Methods
@testable import Networks
@testable import Training

/// Several adapters in one run, each held against its own separate run.
@Suite struct SideBySideTests {
    /// How far a run's adapter may be from that of its separate run: sums of other shapes round otherwise.
    private static let tolerance: Float = 2e-4

    private func configuration(
        _ alone: TrainingConfiguration, _ adapters: String, _ change: (inout JSON.Object) -> Void = { _ in }
    ) throws -> SideBySideConfiguration {
        guard case .object(var object) = try alone.json else { throw TrainingError.option("no object") }
        object["adapters"] = try JSON.parse(adapters)
        change(&object)
        return try SideBySideConfiguration(JSON.Node(.object(object)))
    }

    /// Runs all adapters together, then each alone, and compares what they leave.
    private func expectEqualRuns(
        _ alone: TrainingConfiguration, _ adapters: String, sourceLocation: Testing.SourceLocation = #_sourceLocation
    ) async throws {
        var alone = alone
        // Adam makes steps of full length of gradients that are zero but for their rounding.
        alone.training.adamEpsilon = 1e-5
        let several = try configuration(alone, adapters)
        let together = try await observeAll(SideBySideRun(several))
        for adapter in several.adapters {
            var single = adapter.configuration
            single.outputDirectory += "-alone"
            let expected = try await observe(single)
            let found = try #require(together[adapter.name])
            #expect(found.steps.count == expected.steps.count, sourceLocation: sourceLocation)
            for (a, b) in zip(found.losses, expected.losses) {
                #expect(abs(a - b) <= 1e-3 * max(1, abs(b)), "\(adapter.name)", sourceLocation: sourceLocation)
            }
            let distance = try Self.distance(adapter.configuration.outputDirectory, single.outputDirectory)
            #expect(distance <= Self.tolerance, "\(adapter.name)", sourceLocation: sourceLocation)
            let metric = found.summary?.metrics["loss"] ?? .nan
            let other = expected.summary?.metrics["loss"] ?? .nan
            if found.summary?.metrics.isEmpty == false {
                #expect(abs(metric - other) < 1e-3, sourceLocation: sourceLocation)
            }
        }
    }

    private static func distance(_ first: String, _ second: String) throws -> Float {
        func tensors(_ folder: String) throws -> [String: [Float]] {
            let file = try SafetensorsFile(
                URL(fileURLWithPath: folder).appendingPathComponent(AdapterFolder.weightsName))
            return try Dictionary(
                uniqueKeysWithValues: file.names.map { ($0, try file.tensor($0).to(.float32).array()) })
        }
        let (first, second) = (try tensors(first), try tensors(second))
        guard Set(first.keys) == Set(second.keys) else { return .infinity }
        return first.map { name, values in
            zip(values, second[name] ?? []).map { abs($0 - $1) }.max() ?? .infinity
        }.max() ?? .infinity
    }

    private static let ranks =
        #"[{"name": "r2", "r": 2}, {"name": "r4", "r": 4, "learning_rate": 1e-3}, {"name": "r8", "r": 8, "lora_dropout": 0.2}]"#

    // MARK: Equal to separate runs

    @Test func threeRanksAreWhatTheyAreAlone() async throws {
        let tiny = try TinyCheckpoint.bert(dropout: 0.1)
        var alone = try tiny.classification("run")
        alone.data.validationSplit = 0.2
        alone.training.maxSteps = 6
        try await expectEqualRuns(alone, Self.ranks)
    }

    @Test(arguments: [false, true])
    func accumulatedBatchesAndUpperLayersAlone(gradientCheckpointing: Bool) async throws {
        let tiny = try TinyCheckpoint.bert(dropout: 0.1)
        var alone = try tiny.classification("run")
        alone.training.gradientCheckpointing = gradientCheckpointing
        alone.training.maxSteps = 4
        alone.training.gradientAccumulationSteps = 2
        alone.training.perDeviceTrainBatchSize = 4
        // Below the second block the rows are computed once.
        try await expectEqualRuns(
            alone,
            #"[{"name": "a", "r": 2, "layers_to_transform": [1]}, {"name": "b", "r": 3, "layers_to_transform": [1]}]"#)
    }

    @Test func differentMethodsShareAForward() async throws {
        let tiny = try TinyCheckpoint.bert(dropout: 0.1)
        var alone = try tiny.classification("run")
        alone.training.maxSteps = 4
        try await expectEqualRuns(
            alone,
            #"""
            [{"name": "lora", "r": 2}, {"name": "ia3", "method": "ia3"}, {"name": "norms", "method": "ln_tuning"},
             {"name": "biases", "method": "bitfit"}, {"name": "houlsby", "method": {"name": "houlsby", "bottleneck": 4}},
             {"name": "both", "method": {"name": "combine", "methods": ["lora", {"name": "ia3", "learning_rate_factor": 4}]}},
             {"name": "kasa", "method": {"name": "kasa", "r": 2}}, {"name": "loca", "method": {"name": "loca", "n_frequency": 20}},
             {"name": "adalora", "method": {"name": "adalora", "init_r": 3, "target_r": 2}}, {"name": "ssf", "method": "ssf"}]
            """#)
    }

    @Test(arguments: [TrainingConfiguration.Batching.lengthGrouped, .packing])
    func languageModelsToo(_ batching: TrainingConfiguration.Batching) async throws {
        let tiny = try TinyCheckpoint.llama()
        var alone = try tiny.completion("run")
        alone.training.maxSteps = 5
        alone.data.batching = batching
        alone.data.maxLength = 32
        try await expectEqualRuns(
            alone,
            #"[{"name": "r2", "r": 2}, {"name": "r4", "r": 4, "layers_to_transform": [1]}, {"name": "ia3", "method": "ia3"}]"#
        )
    }

    @Test func encoderDecodersToo() async throws {
        let tiny = try TinyCheckpoint.bart(dropout: 0.1)
        var alone = TrainingConfiguration(
            model: tiny.model.path, data: try tiny.targetRows(), task: .seq2seq, outputDirectory: tiny.path("run"))
        alone.data.validationSplit = 0.2
        alone.training.maxSteps = 4
        alone.training.gradientAccumulationSteps = 2
        try await expectEqualRuns(
            alone,
            #"""
            [{"name": "r2", "r": 2}, {"name": "r4", "r": 4, "lora_dropout": 0.2, "learning_rate": 1e-3},
             {"name": "cross", "r": 2, "target_modules": ["encoder_attn.k_proj", "encoder_attn.q_proj"]},
             {"name": "last", "r": 3, "layers_to_transform": [1]}, {"name": "ia3", "method": "ia3"},
             {"name": "norms", "method": "ln_tuning"}, {"name": "biases", "method": "bitfit"},
             {"name": "houlsby", "method": {"name": "houlsby", "bottleneck": 4}},
             {"name": "adalora", "method": {"name": "adalora", "init_r": 3, "target_r": 2}}]
            """#)
    }

    @Test func classifiersOfEncoderDecodersToo() async throws {
        let tiny = try TinyCheckpoint.bart(dropout: 0.1)
        var alone = try tiny.classification("run")
        alone.training.maxSteps = 4
        try await expectEqualRuns(
            alone, #"[{"name": "r2", "r": 2}, {"name": "r4", "r": 4}, {"name": "ia3", "method": "ia3"}]"#)
    }

    @Test(arguments: [
        (#"[{"name": "a"}, {"name": "p", "method": "prefix-tuning"}]"#, "p` changes the inside of attentions"),
        (#"[{"name": "a"}, {"name": "p", "method": "p_tuning"}]"#, "p` changes the token sequence"),
        (#"[{"name": "a"}, {"name": "p", "method": "mam-adapter"}]"#, "p` changes the inside of attentions"),
        (#"[{"name": "a"}, {"name": "p", "method": "full"}]"#, "p` changes the embedding"),
        (#"[{"name": "a"}, {"name": "p", "optim": "mezo"}]"#, "mezo takes its losses from forwards of its own"),
        (#"[{"name": "a"}, {"name": "p", "target_modules": ["lm_head"]}]"#, "lm_head"),
    ])
    func whatEncoderDecodersCannotShareIsRefusedByName(_ adapters: String, _ reason: String) async throws {
        let tiny = try TinyCheckpoint.bart()
        let alone = TrainingConfiguration(
            model: tiny.model.path, data: try tiny.targetRows(), task: .seq2seq, outputDirectory: tiny.path("run"))
        let error = await #expect(throws: (any Error).self) {
            _ = try await SideBySideRun(self.configuration(alone, adapters))
        }
        #expect(error.map { "\($0)".contains(reason) } == true, "\(String(describing: error))")
        #expect(!FileManager.default.fileExists(atPath: tiny.path("run")))
    }

    @Test func imagesToo() async throws {
        let images = try TinyImages()
        var alone = try images.classification("run")
        alone.training.maxSteps = 4
        try await expectEqualRuns(
            alone, #"[{"name": "r2", "r": 2}, {"name": "r4", "r": 4}, {"name": "ssf", "method": "ssf"}]"#)
    }

    // MARK: Life of its own

    @Test func anInterruptedRunEndsAsOneThatWasNot() async throws {
        let tiny = try TinyCheckpoint.bert(dropout: 0.1)
        var alone = try tiny.classification("run")
        alone.training.maxSteps = 6
        let several = try configuration(alone, Self.ranks)
        _ = try await observeAll(SideBySideRun(several))
        try FileManager.default.moveItem(atPath: tiny.path("run"), toPath: tiny.path("run-whole"))
        for step in 1...3 {
            let run = try await SideBySideRun(several, start: step == 1 ? .new : .resume)
            run.stop()
            _ = try await observeAll(run)
        }
        _ = try await observeAll(SideBySideRun(several, start: .resume))
        for name in ["r2", "r4", "r8"] {
            #expect(try tiny.adapter("run/\(name)") == tiny.adapter("run-whole/\(name)"))
            let logs = try [tiny.path("run/\(name)"), tiny.path("run-whole/\(name)")].map {
                try loggedSteps($0).map(\.loss)
            }
            #expect(logs[0] == logs[1] && logs[0].count == 6)
        }
    }

    @Test func adaptersGoOnFromTheStepThatAllHave() async throws {
        let tiny = try TinyCheckpoint.bert(dropout: 0.1)
        var alone = try tiny.classification("run")
        alone.training.maxSteps = 4
        alone.training.saveStrategy = .steps
        alone.training.saveSteps = 1
        alone.training.saveTotalLimit = nil
        let several = try configuration(alone, Self.ranks) { $0["save_total_limit"] = .null }
        _ = try await observeAll(SideBySideRun(several))
        let expected = try ["r2", "r4", "r8"].map { try tiny.adapter("run/\($0)") }
        // As if the process had died between the checkpoints of the second step, and later ones were never written.
        for (name, steps) in [("r2", 3...4), ("r4", 2...4), ("r8", 3...4)] {
            for step in steps {
                try FileManager.default.removeItem(atPath: tiny.path("run/\(name)/checkpoint-\(step)"))
            }
        }
        let observed = try await observeAll(SideBySideRun(several, start: .resume))
        #expect(observed["r4"]?.steps.first?.step == 2 && observed["r2"]?.steps.first?.step == 2)
        #expect(try ["r2", "r4", "r8"].map { try tiny.adapter("run/\($0)") } == expected)
    }

    @Test func oneThatEndsEarlyLeavesTheOthersAlone() async throws {
        let tiny = try TinyCheckpoint.bert(dropout: 0.1)
        var alone = try tiny.classification("run")
        alone.data.validationSplit = 0.25
        alone.training.maxSteps = 8
        alone.training.evalStrategy = .steps
        alone.training.evalSteps = 1
        alone.training.earlyStoppingPatience = 1
        alone.training.metricForBestModel = "loss"
        alone.training.earlyStoppingThreshold = -0.2
        // A rate that wrecks the one and hardly moves the other.
        let adapters = #"[{"name": "wild", "r": 2, "learning_rate": 5}, {"name": "calm", "r": 2}]"#
        let several = try configuration(alone, adapters)
        let observed = try await observeAll(SideBySideRun(several))
        #expect(observed["wild"]?.summary?.outcome == .stoppedEarly)
        let (wild, calm) = (observed["wild"]?.steps.count ?? 0, observed["calm"]?.steps.count ?? 0)
        #expect(wild < calm)
        var single = several.adapters[1].configuration
        single.outputDirectory += "-alone"
        let expected = try await observe(single)
        #expect(calm == expected.steps.count)
        #expect(try Self.distance(tiny.path("run/calm"), tiny.path("run/calm-alone")) <= Self.tolerance)
    }

    @Test func oneWhoseNumbersGoWrongIsNamedAndTheOthersFinish() async throws {
        let tiny = try TinyCheckpoint.bert(dropout: 0.1)
        var alone = try tiny.classification("run")
        alone.training.maxSteps = 6
        let several = try configuration(
            alone, #"[{"name": "wild", "r": 2, "learning_rate": 1e30, "max_grad_norm": 0}, {"name": "calm", "r": 2}]"#)
        var observed: [String: ObservedRun] = [:]
        let error = await #expect(throws: TrainingError.self) {
            for try await event in try await SideBySideRun(several).events() {
                observed[event.adapter, default: ObservedRun()].consume(event.event)
            }
        }
        #expect(error.map { "\($0)".hasPrefix("adapter wild: ") } == true)
        #expect(observed["wild"]?.summary?.outcome == .diverged)
        #expect(observed["calm"]?.summary?.outcome == .completed)
        var single = several.adapters[1].configuration
        single.outputDirectory += "-alone"
        _ = try await observe(single)
        #expect(try Self.distance(tiny.path("run/calm"), tiny.path("run/calm-alone")) <= Self.tolerance)
    }

    @Test func belowTheLowestGraftOneCopyOfTheRowsIsEnough() async throws {
        let tiny = try TinyCheckpoint.bert()
        let several = try configuration(
            tiny.classification("run"), #"[{"name": "a", "r": 2}, {"name": "b", "r": 3}]"#
        ) { object in
            object["method"] = ["name": "lora", "layers_to_transform": [1]]
        }
        let first = try #require(several.adapters.first?.configuration)
        let base = try await TrainingSession.SessionBase.read(first)
        let model = base.loaded.model
        for adapter in several.adapters {
            try model.activate([])
            _ = try TrainingSession(adapter.configuration, base: base, adapterName: adapter.name)
        }
        try model.activateSideBySide(["a", "b"])
        let ids = try Tensor([1, 5, 6, 2, 1, 7, 8, 2] as [Int64], shape: [2, 4])
        let context = ForwardContext(lanes: 2)
        var rows: [String: Int] = [:]
        context.observer = { projection, x in rows[projection.path] = try x.size(0) }
        _ = try withoutGradients { try model(ModelInput(inputIDs: ids).repeated(2), context) }
        #expect(rows["bert.encoder.layer.0.attention.self.query"] == 2)
        #expect(rows["bert.encoder.layer.1.attention.self.query"] == 4)
        // A forward that is not of as many lanes is refused in words.
        #expect(throws: NetworkError.self) { try model(ModelInput(inputIDs: ids)) }
    }

    // MARK: Refused before work

    @Test(arguments: [
        ("[]", "the list is empty"), (#"[{"r": 2}]"#, "name"),
        (#"[{"name": "a"}, {"name": "A"}]"#, "two adapters are called `A`"),
        (#"[{"name": "../x"}]"#, "cannot be that of a folder"),
        (#"[{"name": "a", "seed": 3}]"#, "`seed` of a holds for all"), (#"[{"name": "a", "rr": 3}]"#, "rr"),
        (#"[{"name": "a", "r": 0}]"#, "a: r: the rank must be positive"),
        (#"[{"name": "a"}, {"name": "p", "method": "prefix-tuning"}]"#, "train it alone"),
        (#"[{"name": "a"}, {"name": "p", "method": "prompt_tuning"}]"#, "the token sequence"),
        (#"[{"name": "a"}, {"name": "p", "method": "unipt"}]"#, "the network's output"),
        (#"[{"name": "a"}, {"name": "p", "method": "r-amt"}]"#, "makes the whole step itself"),
        (#"[{"name": "a"}, {"name": "p", "method": {"name": "dr-tune", "queue_size": 20}}]"#, "forwards of its own"),
        (#"[{"name": "a"}, {"name": "p", "method": "full"}]"#, "changes the embedding"),
    ])
    func whatCannotShareAForwardIsRefused(_ adapters: String, _ reason: String) async throws {
        let tiny = try TinyCheckpoint.bert()
        let alone = try tiny.classification("run")
        let error = await #expect(throws: (any Error).self) {
            _ = try await SideBySideRun(self.configuration(alone, adapters))
        }
        #expect(error.map { "\($0)".contains(reason) } == true, "\(String(describing: error))")
        #expect(!FileManager.default.fileExists(atPath: tiny.path("run")))
    }
}

/// Runs adapters side by side to their end.
private func observeAll(_ run: SideBySideRun) async throws -> [String: ObservedRun] {
    var observed: [String: ObservedRun] = [:]
    for try await event in run.events() { observed[event.adapter, default: ObservedRun()].consume(event.event) }
    return observed
}
