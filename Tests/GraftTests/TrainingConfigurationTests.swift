import Foundation
import Graft
import JSON
import Testing

@Suite struct TrainingConfigurationTests {
    private let minimal = #""model": "m", "task": "classification", "train_file": "t.jsonl", "output_dir": "o""#

    private func read(_ members: String) throws -> TrainingConfiguration {
        try TrainingConfiguration(JSON.Node(JSON.parse("{\(minimal), \(members)}")))
    }

    private func message(_ text: String) -> String {
        do {
            _ = try TrainingConfiguration(JSON.Node(JSON.parse("{\(text)}")))
            return "accepted"
        } catch { return "\(error)" }
    }

    @Test func anUnknownKeyNamesTheNearest() {
        #expect(
            message("\(minimal), \"lerning_rate\": 1").contains(
                "unknown key `lerning_rate`; the nearest is `learning_rate`"))
        #expect(message("\(minimal), \"lora_alfa\": 1").contains("the nearest is `lora_alpha`"))
        #expect(message("\(minimal), \"method\": {\"name\": \"lora\", \"lora_alfa\": 1}").contains("lora_alpha"))
    }

    @Test func optionsOfTheMethodStandAtTheTopOrBelowIt() throws {
        let top = try read(#""method": "lora", "r": 3, "target_modules": ["query"]"#)
        let below = try read(#""method": {"name": "lora", "r": 3, "target_modules": ["query"]}"#)
        let mixed = try read(#""method": {"name": "lora", "r": 3}, "target_modules": ["query"]"#)
        #expect((top.method as? LoRA)?.r == 3)
        #expect(try top.json == below.json)
        #expect(try mixed.json == below.json)
    }

    @Test func anOptionThatStandsTwiceIsRefused() {
        let text = message("\(minimal), \"method\": {\"name\": \"lora\", \"r\": 3}, \"r\": 4")
        #expect(text.contains("`r` is set both at the top and under `method`"))
    }

    @Test func theMethodIsLoRAWhereNoneIsNamed() throws {
        #expect((try read(#""seed": 1"#).method as? LoRA) == LoRA())
    }

    @Test func otherWordsForAKeyAreTaken() throws {
        let text = #""model_name_or_path": "m", "task": "causal-lm", "data": "t", "output": "o", "rank": 5"#
        let configuration = try TrainingConfiguration(JSON.Node(JSON.parse("{\(text)}")))
        #expect(configuration.model == "m")
        #expect(configuration.data.trainFile == "t")
        #expect(configuration.outputDirectory == "o")
        #expect((configuration.method as? LoRA)?.r == 5)
    }

    @Test func whatIsMissingIsNamed() {
        let members = [
            "model": #""model": "m""#, "task": #""task": "classification""#, "train_file": #""train_file": "t""#,
            "output_dir": #""output_dir": "o""#,
        ]
        for missing in members.keys {
            let rest = members.filter { $0.key != missing }.values.joined(separator: ", ")
            #expect(message(rest).hasPrefix(missing), "\(missing): \(message(rest))")
        }
    }

    @Test(arguments: [
        (#""task": "classificatoin""#, "`classification`"), (#""optim": "adamw""#, "adamw_torch"),
        (#""lr_scheduler_type": "cosin""#, "`cosine`"), (#""batching": "pack""#, "packing"),
        (#""method": "lorra""#, "`lora`"), (#""method": 3"#, "method"), (#""method": {"r": 3}"#, "name"),
        (#""num_train_epochs": "three""#, "num_train_epochs"), (#""max_steps": 1.5"#, "max_steps"),
        (#""per_device_train_batch_size": 0"#, "per_device_train_batch_size"),
        (#""learning_rate": -1"#, "learning_rate"), (#""seed": 1e40"#, "seed"), (#""r": 0"#, "r: "),
        (#""lora_dropout": 1.0"#, "lora_dropout"), (#""init_lora_weights": "gausian""#, "gaussian"),
        (#""early_stopping_patience": 2, "eval_strategy": "no""#, "early_stopping_patience"),
        (#""label_names": "yes""#, "label_names"), (#""truncation": "middle""#, "truncation"),
    ])
    func aValueThatCannotBeNamesItsKeyAndWhatIsKnown(members: String, expected: String) {
        let own = members.contains("\"task\"") ? minimal.replacing(#""task": "classification", "#, with: "") : minimal
        let text = message("\(own), \(members)")
        #expect(text != "accepted")
        #expect(text.contains(expected), "\(text)")
    }

    @Test func everyKeyReadsBackAsItWasWritten() throws {
        let written = try read(
            #"""
            "seed": 7, "num_train_epochs": 1.5, "max_steps": 9, "warmup_ratio": 0.1, "optim": "sgd", "momentum": 0.5,
            "text_column": "body", "label_names": ["a", "b"], "truncation": "left", "batching": "random",
            "load_best_model_at_end": true, "save_total_limit": null, "threads": 2,
            "method": {"name": "lora", "rank_pattern": {"query": 4}, "init_lora_weights": "pissa_niter_4"}
            """#)
        let again = try TrainingConfiguration(JSON.Node(written.json))
        #expect(try again.json == written.json)
        #expect(again.training == written.training)
        #expect(again.data == written.data)
        #expect(again.training.saveTotalLimit == nil)
    }

    @Test func theNumberOfCheckpointsIsLimitedUnlessSaidOtherwise() throws {
        #expect(try read(#""seed": 1"#).training.saveTotalLimit == 2)
        #expect(try read(#""save_total_limit": null"#).training.saveTotalLimit == nil)
        #expect(try read(#""save_total_limit": 5"#).training.saveTotalLimit == 5)
    }
}

/// `docs/configuration.md` names every key there is.
@Suite struct ConfigurationDocumentTests {
    @Test func everyKeyAndOptionIsDocumentedWithItsDefault() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("docs/configuration.md")
        let rows = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").filter { $0.hasPrefix("| `") }
        let documented = Dictionary(
            rows.map { row in
                let cells = row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
                return (cells[0].replacing("`", with: ""), cells)
            }, uniquingKeysWith: { first, _ in first })
        let defaults = try defaultValues()
        let keys = try TrainingConfiguration.keys + MethodConfiguration.optionNames(of: LoRA.self)
        for key in keys {
            let cells = try #require(documented[key], "\(key) is not in docs/configuration.md")
            try #require(cells.count == 4, "\(key) needs a type, a default and a meaning")
            if let value = defaults[key] { #expect(cells[2] == "`\(value)`", "the default of \(key)") }
        }
        let unknown = Set(documented.keys).subtracting(keys).subtracting(["loftq_bits", "loftq_iter"])
        #expect(unknown.isEmpty, "documented, but not a key: \(unknown)")
    }

    /// The defaults as a file would write them.
    private func defaultValues() throws -> [String: String] {
        let lora = LoRA()
        let configuration = TrainingConfiguration(
            model: "", data: "", task: .classification, method: lora, outputDirectory: "")
        var values: [String: String] = [:]
        for node in [try configuration.json, try MethodConfiguration(lora).json] {
            for (key, value) in try JSON.Node(node).object() {
                if ["model", "task", "output_dir", "train_file", "method", "name"].contains(key) { continue }
                values[key] = value.serialized(.init(spacesSeparators: true))
            }
        }
        return values
    }
}
