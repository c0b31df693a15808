import Foundation
import JSON
import Testing

/// `graft compare`, run as a user runs it.
@Suite struct CompareTests {
    /// A workplace with recipes of LoRA with several ranks.
    private static func with(
        ranks: [String: Int], steps: Int = 3, _ body: (Workplace) throws -> Void
    ) throws {
        try Workplace.with("bert") { place in
            for (name, rank) in ranks { try write(name, rank: rank, steps: steps, in: place) }
            try body(place)
        }
    }

    private static func write(
        _ name: String, rank: Int, steps: Int = 3, modules: String = "query", further: String = "", in place: Workplace
    ) throws {
        let recipe = """
            model: model
            task: classification
            train_file: rows.jsonl
            test_file: rows.jsonl
            output_dir: nowhere
            method: {name: lora, r: \(rank), target_modules: [\(modules)], modules_to_save: [pooler]}
            max_steps: \(steps)
            save_strategy: no
            linear_probe: true
            \(further)
            """
        try Data(recipe.utf8).write(to: place.folder.appendingPathComponent("\(name).yaml"))
    }

    private static func comparison(_ place: Workplace) throws -> [JSON.Node] {
        try JSON.Node(JSON.parse(place.bytes("out/comparison.json"))).field("groups").elements()
    }

    private static func runs(_ place: Workplace) throws -> [JSON.Node] {
        try comparison(place).flatMap { try $0.field("runs").elements() }
    }

    @Test func recipesRunUnderOneBudgetAndStandInOneTable() throws {
        try Self.with(ranks: ["one": 1, "two": 2], steps: 5) { place in
            let outcome = try place.graft(
                ["compare", "one.yaml", "two.yaml", "--max-steps", "4", "--output-dir", "out"])
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(outcome.errors.contains("[2/2] two: accuracy"))
            #expect(!place.exists("nowhere"))
            let groups = try Self.comparison(place)
            #expect(groups.count == 1)
            #expect(try groups[0].field("warnings").elements().isEmpty)
            let runs = try Self.runs(place)
            #expect(try runs.map { try $0.field("recipe").string() } == ["one", "two"])
            for (run, name) in zip(runs, ["one", "two"]) {
                let result = try JSON.Node(JSON.parse(place.bytes("out/runs/\(name)/result.json")))
                #expect(try run.field("steps").int() == 4)
                #expect(try run.field("split").string() == "test")
                #expect(try run.field("value").double() == result.field("accuracy").double())
                #expect(try run.field("linear_probe").double() == result.field("linear_probe_accuracy").double())
                #expect(try run.field("peak_memory_bytes").int() == result.field("peak_memory_bytes").int())
                let weights = try place.bytes("out/runs/\(name)/adapter_model.safetensors")
                #expect(try run.field("adapter_bytes").int() == weights.count)
            }
            #expect(
                try runs[0].field("trainable_parameters").int() < runs[1].field("trainable_parameters").int())
            #expect(try runs[0].field("settings_digest").string() != runs[1].field("settings_digest").string())
            let markdown = String(decoding: try place.bytes("out/comparison.md"), as: UTF8.self)
            #expect(markdown.contains("| two | lora |"))
            let html = String(decoding: try place.bytes("out/comparison.html"), as: UTF8.self)
            #expect(html.contains("href=\"runs/two/report.html\""))
            #expect(!html.contains("<script"))
        }
    }

    @Test func aCompleteRunIsKeptOnlyWithTheSameSettings() throws {
        try Self.with(ranks: ["one": 1, "two": 2]) { place in
            let command = ["compare", "one.yaml", "two.yaml", "--output-dir", "out"]
            #expect(try place.graft(command).status == 0)
            let before = try place.bytes("out/runs/one/compared.json")
            #expect(try place.graft(command).errors.contains("already holds a comparison"))
            try Self.write("two", rank: 3, in: place)
            let resumed = try place.graft(command + ["--resume"])
            #expect(resumed.status == 0, "\(resumed.errors)")
            #expect(resumed.errors.contains("[1/2] one: accuracy") && resumed.errors.contains(", kept"))
            #expect(resumed.errors.split(separator: "\n").filter { $0.hasSuffix(", kept") }.count == 1)
            #expect(try place.bytes("out/runs/one/compared.json") == before)

            // Other rows under the same name are other settings.
            try TinyCheckpoint.writeRows(45, to: place.rows)
            #expect(try !place.graft(command + ["--resume"]).errors.contains("kept"))
            #expect(try !place.graft(command + ["--overwrite"]).errors.contains("kept"))
        }
    }

    @Test func oneFailureStandsInItsRowAndTheOthersGoOn() throws {
        try Self.with(ranks: ["good": 1]) { place in
            try Self.write("target", rank: 1, modules: "kuery", in: place)
            try Self.write("key", rank: 1, further: "learnin_rate: 1", in: place)
            let outcome = try place.graft(
                ["compare", "key.yaml", "target.yaml", "absent.yaml", "good.yaml", "--output-dir", "out"])
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("[4/4] good: accuracy"), "\(outcome.errors)")
            let runs = try Self.runs(place)
            #expect(try runs.map { try $0.field("status").string() } == ["failed", "finished"])
            #expect(try runs[0].field("reason").string().contains("the nearest is `query`"))
            let unreadable = try JSON.Node(JSON.parse(place.bytes("out/comparison.json"))).field("unreadable")
                .elements()
            #expect(try unreadable.map { try $0.field("recipe").string() } == ["key", "absent"])
            #expect(try unreadable[0].field("reason").string().contains("`learning_rate`"))
        }
    }

    @Test func aRunOverTheBudgetIsNotStarted() throws {
        try Self.with(ranks: ["small": 1, "large": 8]) { place in
            let small = try place.graft(["train", "small.yaml", "--dry-run"])
            #expect(small.status == 0, "\(small.errors)")
            let plain = ["compare", "small.yaml", "large.yaml", "--output-dir", "out"]
            #expect(try place.graft(plain).status == 0)
            let counts = try Self.runs(place).map { try $0.field("trainable_parameters").int() }
            let limited = try place.graft(plain + ["--overwrite", "--max-trainable", String(counts[0])])
            // Staying within a budget is no failure.
            #expect(limited.status == 0, "\(limited.errors)")
            #expect(try Self.runs(place).map { try $0.field("status").string() } == ["finished", "over_budget"])
            #expect(limited.output.contains("trainable parameters exceed the budget"))
            #expect(!place.exists("out/runs/large/result.json"))

            // What an earlier comparison finished is no way around the budget.
            #expect(try place.graft(plain + ["--overwrite"]).status == 0)
            #expect(try place.graft(plain + ["--resume", "--max-memory", "1MiB"]).status == 0)
            #expect(try Self.runs(place).map { try $0.field("status").string() } == ["over_budget", "over_budget"])
        }
    }

    @Test func aBudgetOfTimeDecidesTheSteps() throws {
        try Self.with(ranks: ["one": 1], steps: 1) { place in
            let outcome = try place.graft(["compare", "one.yaml", "--output-dir", "out", "--max-seconds", "0.5"])
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(try Self.runs(place)[0].field("steps").int() > 1)
            #expect(!place.exists("out/runs/one/trial"))
            let kept = try place.graft([
                "compare", "one.yaml", "--output-dir", "out", "--max-seconds", "0.5", "--resume",
            ])
            #expect(kept.errors.contains(", kept"), "\(kept.errors)")
        }
    }

    @Test func recipesOfUnequalConditionsAreWarnedOfAndOtherDataStandsApart() throws {
        try Self.with(ranks: ["one": 1]) { place in
            try Self.write("seed", rank: 1, further: "seed: 7", in: place)
            try TinyCheckpoint.writeRows(30, to: place.folder.appendingPathComponent("others.jsonl"))
            try Data(
                String(decoding: place.bytes("one.yaml"), as: UTF8.self)
                    .replacing("train_file: rows.jsonl", with: "train_file: others.jsonl").utf8
            ).write(to: place.folder.appendingPathComponent("apart.yaml"))
            let outcome = try place.graft(
                ["compare", "one.yaml", "apart.yaml", "seed.yaml", "--output-dir", "out", "--max-steps", "1"])
            #expect(outcome.status == 0, "\(outcome.errors)")
            let groups = try Self.comparison(place)
            #expect(try groups.map { try $0.field("runs").elements().count } == [2, 1])
            #expect(try groups[0].field("warnings").strings() == ["seed differs: 42 (one), 7 (seed)"])
        }
    }

    @Test func anInterruptedComparisonWritesWhatThereIsAndGoesOnLater() throws {
        try Self.with(ranks: ["one": 1, "two": 1, "three": 1], steps: 2) { place in
            try Self.write("two", rank: 1, steps: 1_000_000, in: place)
            let command = ["compare", "one.yaml", "two.yaml", "three.yaml", "--output-dir", "out"]
            let running = try Program.start(command, in: place.folder)
            let log = place.folder.appendingPathComponent("out/runs/two/metrics.jsonl")
            for _ in 0..<600 where (try? Data(contentsOf: log).count) ?? 0 == 0 { usleep(50_000) }
            running.interrupt()
            let outcome = running.wait()
            #expect(outcome.status == 130, "\(outcome.errors)")
            #expect(
                try Self.runs(place).map { try $0.field("status").string() } == ["finished", "interrupted", "not_run"])

            try Self.write("two", rank: 1, steps: 2, in: place)
            let resumed = try place.graft(command + ["--resume"])
            #expect(resumed.status == 0, "\(resumed.errors)")
            #expect(resumed.errors.contains("[1/3] one: ") && resumed.errors.contains(", kept"))
            #expect(try Self.runs(place).allSatisfy { try $0.field("status").string() == "finished" })
        }
    }

    @Test func foldersOfOthersAndNamesWithoutAFolderAreRefused() throws {
        try Self.with(ranks: ["one": 1]) { place in
            let other = place.folder.appendingPathComponent("out/runs/one")
            try FileManager.default.createDirectory(at: other, withIntermediateDirectories: true)
            try Data("mine".utf8).write(to: other.appendingPathComponent("result.json"))
            let refused = try place.graft(["compare", "one.yaml", "--output-dir", "out", "--overwrite"])
            #expect(refused.status == 1)
            #expect(refused.errors.contains("is no run of a comparison"))
            #expect(try place.bytes("out/runs/one/result.json") == Data("mine".utf8))

            let twice = try place.graft(["compare", "one.yaml", "./ONE.yaml", "--output-dir", "new"])
            #expect(twice.status == 1)
            #expect(twice.errors.contains("two recipes are called"))
            #expect(!place.exists("new"))
        }
    }

    @Test(arguments: [
        ["--max-steps", "0"], ["--max-steps", "2", "--max-seconds", "3"], ["--max-seconds", "-1"],
        ["--max-memory", "lots"], ["--max-memory", "0"], ["--max-trainable", "1e3"], ["--max-seconds", "nan"],
        ["--resume", "--overwrite"],
    ])
    func faultyBudgetsEndWithTheStatusOfUsage(_ arguments: [String]) throws {
        #expect(try Program.run(["compare", "x.yaml"] + arguments).status == 64)
    }
}
