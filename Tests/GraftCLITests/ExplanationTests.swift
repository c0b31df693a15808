import Foundation
import JSON
import Testing
import Verification

/// `inspect`, `methods` and `doctor`.
@Suite struct ExplanationTests {
    @Test func aModelIsExplainedWithItsModulesAndDefaultTargets() throws {
        try TemporaryFolder.with { folder in
            let model = try TinyCheckpoint.make("llama", in: folder)
            let outcome = try Program.run(["inspect", model.path])
            #expect(outcome.status == 0)
            for line in [
                "  family        llama", "  tokenizer     WordLevel, 17 tokens",
                "  head          causal language model",
            ] {
                #expect(outcome.lines.contains(line), "\(outcome.output)")
            }
            #expect(outcome.output.contains("Default targets of lora: q_proj, v_proj (4 modules)."))
        }
    }

    @Test func aModelOfAnUnknownFamilyIsStillExplained() throws {
        try TemporaryFolder.with { folder in
            let model = try TinyCheckpoint.make("llama", in: folder)
            let file = model.appendingPathComponent("config.json")
            var config = try JSON.Node(contentsOf: file).object()
            config["model_type"] = "lama"
            try TinyCheckpoint.write(.object(config), to: file)
            let outcome = try Program.run(["inspect", model.path])
            #expect(outcome.status == 0)
            #expect(outcome.output.contains("it cannot be loaded: "))
            #expect(outcome.output.contains("parameters    21,856"))
        }
    }

    @Test func aModelIsExplainedWithoutTheEngineAsFarAsItGoes() throws {
        let model = try Verification.bundledCases("models/bert/a/model")
        let outcome = try Program.run(["inspect", model.path], environment: ["GRAFT_ENGINE": "/nowhere"])
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("family        bert"))
    }

    @Test func adaptersCasesFilesAndTokenizersAreExplained() throws {
        let cases = try Verification.bundledCases()
        let adapter = try Program.run(["inspect", cases.appendingPathComponent("adapters/lora/a/adapter").path])
        #expect(adapter.output.contains("parameters         896"))
        #expect(adapter.output.contains("q_proj.lora_A.weight      2  [4, 32]"))
        let golden = try Program.run(["inspect", cases.appendingPathComponent("methods/lora/a").path])
        #expect(golden.output.contains("kind               layer"))
        let file = try Program.run(["inspect", cases.appendingPathComponent("methods/lora/a/tensors.safetensors").path])
        #expect(file.output.contains("base.weight        F32   [12, 10]    480 B"))
        try TemporaryFolder.with { folder in
            let model = try TinyCheckpoint.make("bert", in: folder)
            let tokenizer = try Program.run(["inspect", model.appendingPathComponent("tokenizer.json").path])
            #expect(tokenizer.output.contains("model           WordLevel"))
            #expect(tokenizer.output.contains("added tokens    4, 4 of them special"))
        }
    }

    @Test func anythingElseIsOneError() throws {
        try TemporaryFolder.with { folder in
            let outcome = try Program.run(["inspect", folder.path])
            #expect(outcome.status == 1)
            #expect(outcome.errors.hasPrefix("error: \(folder.path) is nothing that graft knows"))
            #expect(try Program.run(["inspect", folder.path + "/none"]).errors.contains("no such file or folder"))
            let file = folder.appendingPathComponent("model.safetensors")
            try Data([1, 2, 3]).write(to: file)
            let damaged = try Program.run(["inspect", file.path])
            #expect(damaged.status == 1)
            #expect(damaged.errors.split(separator: "\n").count == 1)
        }
    }

    @Test func methodsAreListedWithWhatTheyTrainOfAModel() throws {
        let model = try Verification.bundledCases("models/llama/a/model")
        let outcome = try Program.run(["methods", "--model", model.path])
        let words = outcome.lines.map {
            $0.split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
        }
        #expect(words.first?.hasPrefix("NAME TRAINABLE FAMILY") == true)
        // Rank 8 on queries (32 to 32) and values (32 to 16) of two layers.
        #expect(words.contains { $0.hasPrefix("lora 1,792 (8.2 %) low rank") }, "\(outcome.output)")
        #expect(words.contains { $0.hasPrefix("full ") && $0.contains(" (100 %) full ") }, "\(outcome.output)")
    }

    @Test func aMethodsOptionsAreListedWithTypesAndDefaults() throws {
        let outcome = try Program.run(["methods", "lora"])
        #expect(outcome.lines.contains("  r                    integer  8"))
        #expect(outcome.lines.contains("  target_modules                none"))
        let unknown = try Program.run(["methods", "lorra"])
        #expect(unknown.status == 1)
        #expect(unknown.errors.contains("the nearest is `lora`"))
    }

    @Test func theDocumentOfMethodsIsWhatTheMethodsDeclare() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("docs/methods.md")
        let text = try Program.run(["methods", "--markdown"]).output
        if ProcessInfo.processInfo.environment["GRAFT_RECORD_SNAPSHOTS"] != nil { try Data(text.utf8).write(to: file) }
        #expect(text.contains("| `lora` |") && text.contains("| `ln_tuning` |"))
        #expect(try String(contentsOf: file, encoding: .utf8) == text, "record docs/methods.md again")
    }

    @Test func theSchemaTellsKindsAndDefaultsOfEveryKey() throws {
        func type(_ schema: JSON.Node, _ key: String) throws -> JSON {
            try schema.field("properties").field(key).field("type").value
        }
        let lora = JSON.Node(try JSON.parse(Program.run(["methods", "lora", "--schema"]).output))
        #expect(try type(lora, "r") == ["integer", "null"])
        #expect(try type(lora, "lora_alpha") == ["number", "null"])
        #expect(try type(lora, "init_lora_weights") == ["boolean", "string", "null"])
        #expect(try type(lora, "target_modules") == ["string", "array", "null"])
        #expect(try lora.field("properties").field("r").field("default").int() == 8)
        #expect(try !lora.field("additionalProperties").bool())
        let training = JSON.Node(try JSON.parse(Program.run(["methods", "--schema"]).output))
        #expect(try type(training, "learning_rate") == ["number", "null"])
        #expect(try type(training, "use_dora") == ["boolean", "null"])
        #expect(try training.field("properties").field("method").field("anyOf").elements().count >= 3)
    }

    @Test func doctorTellsEngineMachineAndKnowledge() throws {
        let outcome = try Program.run(["doctor"])
        #expect(outcome.status == 0)
        for text in ["libtorch", "self-test", "GFLOP/s", "bf16 in hardware", "model types", "llama", "lora"] {
            #expect(outcome.output.contains(text))
        }
    }

    @Test func doctorWithoutEngineTellsTheRestAndTheRemedy() throws {
        let outcome = try Program.run(["doctor"], environment: ["GRAFT_ENGINE": "/nowhere"])
        #expect(outcome.status == 1)
        #expect(outcome.output.contains("bf16 in hardware"))
        #expect(outcome.errors.hasPrefix("error: GRAFT_ENGINE names /nowhere, which does not exist: run `make engine`"))
        #expect(outcome.errors.split(separator: "\n").count == 1)
    }
}
