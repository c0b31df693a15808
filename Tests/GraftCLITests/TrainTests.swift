import Foundation
import JSON
import Testing

/// A folder with a checkpoint and rows, for one test.
struct Workplace {
    let folder: URL
    var model: URL { folder.appendingPathComponent("model") }
    var rows: URL { folder.appendingPathComponent("rows.jsonl") }
    var run: URL { folder.appendingPathComponent("run") }

    static func with<Result>(_ family: String, rows count: Int = 48, _ body: (Workplace) throws -> Result) throws
        -> Result
    {
        try TemporaryFolder.with { folder in
            let place = Workplace(folder: folder)
            _ = try TinyCheckpoint.make(family, in: folder)
            try TinyCheckpoint.writeRows(count, to: place.rows)
            return try body(place)
        }
    }

    /// Options of a short training.
    func arguments(_ task: String, _ further: [String] = [], output: String = "run") -> [String] {
        [
            "train", "--model", "model", "--data", "rows.jsonl", "--task", task, "--rank", "2", "--batch-size", "8",
            "--output", output,
        ] + further
    }

    func graft(_ arguments: [String], input: String = "") throws -> Program.Outcome {
        try Program.run(arguments, input: input, in: folder)
    }

    func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: folder.appendingPathComponent(path).path)
    }

    func bytes(_ path: String) throws -> Data { try Data(contentsOf: folder.appendingPathComponent(path)) }
}

@Suite struct TrainTests {
    @Test func aClassifierIsTrainedMeasuredUsedMergedAndExported() throws {
        try Workplace.with("bert") { place in
            let trained = try place.graft(
                place.arguments(
                    "classification",
                    [
                        "--epochs", "8", "--learning-rate", "0.02", "--validation", "rows.jsonl", "--seed", "1",
                        // The checkpoint is of a masked language model, which has no pooler.
                        "--set", "modules_to_save=[pooler]",
                    ]))
            #expect(trained.status == 0, "\(trained.errors)")
            #expect(trained.lines.first?.hasPrefix("Done: 48 steps in ") == true)
            #expect(trained.output.contains("graft merge --model model --adapter run"))
            for file in [
                "run.json", "config.yaml", "metrics.jsonl", "result.json", "report.html", "adapter_config.json",
            ] {
                #expect(place.exists("run/" + file))
            }

            let source = ["--model", "model", "--adapter", "run"]
            let measured = try place.graft(["eval", "--data", "rows.jsonl", "--json"] + source)
            #expect(measured.status == 0, "\(measured.errors)")
            let accuracy = try JSON.Node(JSON.parse(measured.output)).field("accuracy").double()
            // The first word tells the class.
            #expect(accuracy > 0.9, "\(measured.output)")
            let table = try place.graft(["eval", "--data", "rows.jsonl"] + source)
            #expect(table.output.contains("blue     16"), "\(table.output)")

            let labels = try place.graft(["predict", "--data", "rows.jsonl"] + source).lines.map { line in
                try JSON.Node(JSON.parse(line)).field("label").string()
            }
            #expect(labels.count == 48)
            let expected = (0..<48).map { TinyCheckpoint.words[$0 % 3] }
            let right = zip(labels, expected).count { $0 == $1 }
            #expect(Double(right) / 48 == accuracy)
            let one = try place.graft(["predict", "--text", "blue a b", "--scores"] + source)
            let scores = try JSON.Node(JSON.parse(one.output)).field("scores").members()
            #expect(scores.map(\.key) == ["blue", "green", "red"])
            #expect(abs(try scores.reduce(0) { $0 + (try $1.node.double()) } - 1) < 1e-6)

            let merged = try place.graft(["merge", "--output", "merged"] + source)
            #expect(merged.status == 0, "\(merged.errors)")
            #expect(merged.output.contains("largest deviation"))
            let again = try place.graft(["eval", "--data", "rows.jsonl", "--json", "--model", "merged"])
            #expect(try JSON.Node(JSON.parse(again.output)).field("accuracy").double() == accuracy)
            let refused = try place.graft(["merge", "--output", "strict", "--max-deviation", "0"] + source)
            #expect(refused.status == 1)
            #expect(!place.exists("strict"))

            let exported = try place.graft(["export", "--adapter", "run", "--output", "peft", "--form", "uniform"])
            #expect(exported.status == 0, "\(exported.errors)")
            #expect(place.exists("peft/adapter_model.safetensors"))
            #expect(
                try place.graft(["export", "--adapter", "run", "--output", "peft"]).errors.contains("already holds"))
            let reduced = try place.graft(
                ["export", "--adapter", "run", "--output", "reduced", "--as-lora", "--rank", "2"])
            #expect(reduced.status == 0 && reduced.output.contains("lost of the change"), "\(reduced.errors)")
            #expect(place.exists("reduced/adapter_model.safetensors"))

            let explained = try place.graft(["inspect", "run"])
            #expect(explained.output.contains("outcome               completed"), "\(explained.output)")
            #expect(explained.output.contains("Adapter "))
        }
    }

    @Test func aLanguageModelIsTrainedMeasuredAndContinuesTexts() throws {
        try Workplace.with("llama") { place in
            let trained = try place.graft(place.arguments("causal-lm", ["--max-steps", "4"]))
            #expect(trained.status == 0, "\(trained.errors)")
            let source = ["--model", "model", "--adapter", "run"]
            let measured = try place.graft(["eval", "--data", "rows.jsonl", "--task", "causal-lm"] + source)
            #expect(measured.output.contains("perplexity"))
            #expect(try place.graft(["eval", "--data", "rows.jsonl", "--task", "classification"] + source).status == 1)

            let generate = ["generate", "--max-new-tokens", "5"] + source
            let text = try place.graft(generate + ["--prompt", "red a b"])
            #expect(text.status == 0, "\(text.errors)")
            #expect(text.errors.contains("3 prompt tokens"), "\(text.errors)")
            #expect(try place.graft(generate, input: "red a b\n").output == text.output)
            try Data("red a b\n\nblue\n".utf8).write(to: place.folder.appendingPathComponent("prompts.txt"))
            let both = try place.graft(generate + ["--prompts", "prompts.txt"])
            // Continuations may be empty: most of the model's tokens are unknown to the tokenizer.
            let second = try place.graft(generate + ["--prompt", "blue"])
            #expect(both.output == text.output + second.output)
            let drawn = generate + ["--prompt", "red", "--temperature", "1"]
            #expect(try place.graft(drawn).output == place.graft(drawn).output)
            let chat = try place.graft(generate + ["--prompt", "red", "--chat", "chatml"])
            #expect(!chat.errors.hasPrefix("1 prompt tokens"), "\(chat.errors)")
            #expect(try place.graft(generate + ["--prompt", "red", "--chat", "chatml2"]).errors.contains("\"chatml\""))
            #expect(try place.graft(["predict", "--text", "x"] + source).errors.contains("graft generate"))
            #expect(try place.graft(generate + ["--prompt", "red", "--top-p", "2"]).status == 1)
        }
    }

    @Test func aFileAnOptionAndAnAssignmentMakeOneConfiguration() throws {
        try Workplace.with("bert") { place in
            let recipe = """
                model: model
                task: classification
                data: rows.jsonl   # another name of train_file
                method: {name: lora, r: 4, target_modules: [query]}
                output_dir: elsewhere
                eval_strategy: no
                max_steps: 50
                """
            try Data(recipe.utf8).write(to: place.folder.appendingPathComponent("recipe.yaml"))
            let outcome = try place.graft(
                ["train", "recipe.yaml", "--output", "run", "--max-steps", "9", "--set", "max_steps=2", "--set", "r=1"])
            #expect(outcome.status == 0, "\(outcome.errors)")
            let resolved = try JSON.Node(JSON.parse(place.bytes("run/config.yaml")))
            #expect(try resolved.field("max_steps").int() == 2)
            #expect(try resolved.field("method").field("r").int() == 1)
            #expect(try resolved.field("method").field("target_modules").strings() == ["query"])
            #expect(!place.exists("elsewhere"))
        }
    }

    @Test func aListOfAdaptersMakesAFolderForEach() throws {
        try Workplace.with("bert") { place in
            let recipe = """
                model: model
                task: classification
                data: rows.jsonl
                method: {name: lora, target_modules: [query]}
                adapters:
                  - {name: r1, r: 1}
                  - {name: scaled, method: ia3, learning_rate: 0.01}
                output_dir: run
                max_steps: 2
                """
            try Data(recipe.utf8).write(to: place.folder.appendingPathComponent("recipe.yaml"))
            let preview = try place.graft(["train", "recipe.yaml", "--dry-run"])
            #expect(
                preview.status == 0 && preview.output.contains("scaled") && !place.exists("run"), "\(preview.errors)")
            let outcome = try place.graft(["train", "recipe.yaml"])
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(outcome.output.contains("2 adapters in"), "\(outcome.output)")
            for name in ["r1", "scaled"] {
                let resolved = try JSON.Node(JSON.parse(place.bytes("run/\(name)/config.yaml")))
                #expect(try resolved.field("max_steps").int() == 2)
                let predicted = try place.graft(
                    ["predict", "--model", "model", "--adapter", "run/\(name)", "--text", "red"])
                #expect(predicted.status == 0, "\(predicted.errors)")
            }
            #expect(try place.graft(["train", "recipe.yaml"]).errors.contains("already holds a run"))
            #expect(try place.graft(["train", "recipe.yaml", "--resume"]).status == 0)
            let refused = try place.graft(["compare", "recipe.yaml", "--output-dir", "compared"])
            #expect((refused.errors + refused.output).contains("only `graft train` takes several adapters"))
        }
    }

    @Test func aDryRunForecastsAndWritesNothing() throws {
        try Workplace.with("bert") { place in
            let before = try FileManager.default.contentsOfDirectory(atPath: place.folder.path)
            let outcome = try place.graft(place.arguments("classification", ["--dry-run"]))
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(outcome.output.contains("optimizer steps"))
            #expect(outcome.output.contains("bert.encoder.layer.*.attention.self.query  2"))
            #expect(try Set(FileManager.default.contentsOfDirectory(atPath: place.folder.path)) == Set(before))
        }
    }

    @Test func anEarlierRunIsKeptUnlessTheUserSaysSo() throws {
        try Workplace.with("bert") { place in
            let arguments = place.arguments("classification", ["--max-steps", "2"])
            #expect(try place.graft(arguments).status == 0)
            let adapter = try place.bytes("run/adapter_model.safetensors")
            let refused = try place.graft(arguments + ["--seed", "5"])
            #expect(refused.status == 1)
            #expect(refused.errors.contains("--resume") && refused.errors.contains("--overwrite"))
            #expect(try place.bytes("run/adapter_model.safetensors") == adapter)
            #expect(try place.graft(arguments + ["--seed", "5", "--overwrite"]).status == 0)
            #expect(try place.bytes("run/adapter_model.safetensors") != adapter)
        }
    }

    @Test func anInterruptedRunResumesToTheSameAdapter() throws {
        try Workplace.with("bert") { place in
            let settings = ["--max-steps", "600", "--set", "logging_steps=1", "--set", "save_strategy=no"]
            #expect(try place.graft(place.arguments("classification", settings, output: "whole")).status == 0)

            let running = try Program.start(place.arguments("classification", settings), in: place.folder)
            while !place.exists("run/metrics.jsonl") { usleep(2000) }
            running.interrupt()
            let interrupted = running.wait()
            #expect(interrupted.status == 130, "\(interrupted.errors)")
            #expect(interrupted.output.contains("graft train run/config.yaml --resume"))
            #expect(!place.exists("run/adapter_model.safetensors"))

            let resumed = try place.graft(["train", "run/config.yaml", "--resume"])
            #expect(resumed.status == 0, "\(resumed.errors)")
            #expect(resumed.errors.contains("resumed after step"))
            let (whole, parts) = (
                try place.bytes("whole/adapter_model.safetensors"), try place.bytes("run/adapter_model.safetensors")
            )
            // The metadata names the output folder's configuration by its digest; the tensors follow it.
            #expect(whole.suffix(1000) == parts.suffix(1000))
        }
    }

    @Test func aSecondInterruptEndsTheProgramAtOnce() throws {
        try Workplace.with("bert") { place in
            let running = try Program.start(
                place.arguments("classification", ["--max-steps", "1000000"]), in: place.folder)
            while !place.exists("run/metrics.jsonl") { usleep(2000) }
            running.interrupt()
            running.interrupt()
            #expect(running.wait().status == 130)
        }
    }
}

/// What users get wrong: one sentence each, and nothing left behind.
@Suite struct FaultyTrainingTests {
    @Test(arguments: [
        (["--set", "learnin_rate=1"], "unknown key `learnin_rate`; the nearest is `learning_rate`"),
        (["--set", "method.rr=1"], "rr"),
        (["--set", "target_modules=[queri]"], "the nearest is `query`"),
        (["--set", "method=lorra"], "the nearest is `lora`"),
        (["--task", "clasification"], "the nearest is `classification`"),
        (["--data", "none.jsonl"], "none.jsonl"),
        (["--model", "none"], "none"),
        (["--learning-rate=-1"], "learning_rate"),
        (["--set", "r=0"], "rank"),
        (["--set", "r=eight"], "an integer"),
        (["--text-column", "txt"], "txt"),
        (["--max-length", "100000"], "max_length"),
        (["--device", "cuda:99"], "cuda:99"),
        (["--device", "gpu"], "gpu"),
        (["--set", "label_names=[red, green]"], "blue"),
        (["--set", "eval_strategy=sometimes"], "sometimes"),
        (["--output", "rows.jsonl"], "is a file"),
        (["--set", "=1"], "key=value"),
    ])
    func isOneError(_ arguments: [String], _ part: String) throws {
        try Workplace.with("bert") { place in
            let outcome = try place.graft(place.arguments("classification") + arguments)
            #expect(outcome.status == 1)
            #expect(outcome.output.isEmpty)
            #expect(outcome.errors.hasPrefix("error: "))
            #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
            #expect(outcome.errors.contains(part), "\(outcome.errors)")
            #expect(!place.exists("run"))
        }
    }

    @Test(arguments: [
        ("", "expected keys with values, found nothing"), ("- a\n", "expected keys with values, found an array"),
        ("model: x\nmodel: y\n", "recipe.yaml: line 1"), ("a: [\n", "recipe.yaml: line 2"),
        ("data: a\ntrain_file: b\n", "two names of one key"), ("\u{FEFF}task: x\n", "model"),
    ])
    func faultyRecipesAreErrors(_ recipe: String, _ part: String) throws {
        try TemporaryFolder.with { folder in
            try Data(recipe.utf8).write(to: folder.appendingPathComponent("recipe.yaml"))
            let outcome = try Program.run(["train", "recipe.yaml"], in: folder)
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains(part), "\(outcome.errors)")
        }
    }

    @Test func verboseShowsDetails() throws {
        let plain = try Program.run(["train", "/no/such.yaml"])
        let verbose = try Program.run(["train", "/no/such.yaml", "--verbose"])
        #expect(plain.errors.split(separator: "\n").count == 1)
        #expect(verbose.errors.hasPrefix(plain.errors))
        #expect(verbose.errors.contains("FileError"))
    }
}
