import Adapters
import JSON
import Methods
import Testing

@Suite struct AdapterConfigTests {
    private func read(_ members: JSON.Object) throws -> AdapterConfig {
        var object: JSON.Object = ["peft_type": "LORA", "target_modules": ["query"]]
        for (key, value) in members { object[key] = value }
        return try AdapterConfig(JSON.Node(.object(object), source: "adapter_config.json"))
    }

    private func error(_ members: JSON.Object) -> String {
        let error = #expect(throws: (any Error).self) { try read(members) }
        return error.map { "\($0)" } ?? ""
    }

    @Test func readsTheFirstVersionsOfTheFormat() throws {
        let config = try read([
            "base_model_name_or_path": "bert", "bias": "none", "enable_lora": nil, "fan_in_fan_out": true,
            "inference_mode": true, "lora_alpha": 16, "lora_dropout": 0.1, "merge_weights": false,
            "modules_to_save": nil, "r": 4, "task_type": "SEQ_CLS",
        ])
        #expect(config.lora?.r == 4 && config.lora?.loraAlpha == 16 && config.lora?.initLoRAWeights == .default)
        #expect(config.taskType == "SEQ_CLS" && config.baseModel == "bert")
    }

    @Test(arguments: [
        "alora_invocation_tokens", "arrow_config", "kasa_config", "layer_replication", "monteclora_config",
        "target_parameters", "trainable_token_indices", "use_bdlora", "use_qalora", "velora_config",
    ])
    func featuresAreAcceptedOnlyWhenOff(_ key: String) throws {
        for off: JSON in [nil, false, [], [:]] { _ = try read([key: off]) }
        for on: JSON in [true, [1], ["a": 1]] {
            let text = error([key: on])
            #expect(text.contains(key) && text.contains("does not compute"), "\(text)")
        }
    }

    @Test func unknownKeysAreErrorsUnlessEmpty() throws {
        _ = try read(["new_feature": nil, "other_feature": false, "third": [], "fourth": ""])
        #expect(error(["use_rslorra": true]).contains("the nearest is \"use_rslora\""))
        #expect(error(["zz": 1]).contains("unknown key \"zz\""))
    }

    @Test(arguments: ["eva", "mica", "gaussian", "orthogonal"])
    func startsThatLeaveTheBaseAloneNeedNothing(_ start: String) throws {
        let config = try read(["init_lora_weights": .string(start), "eva_config": ["rho": 2.0]])
        #expect(config.lora?.initLoRAWeights == .default)
        #expect(try JSON.Node(config.value).field("init_lora_weights").string() == start)
    }

    @Test func startsThatChangeTheBaseAreComputedOrRefused() throws {
        #expect(try read(["init_lora_weights": "pissa"]).lora?.initLoRAWeights == .pissa(iterations: nil))
        #expect(try read(["init_lora_weights": "olora"]).lora?.initLoRAWeights == .olora)
        let loftq = try read(["init_lora_weights": "loftq", "loftq_config": ["loftq_bits": 8, "loftq_iter": 2]])
        #expect(loftq.lora?.loftqConfig.bits == 8 && loftq.lora?.loftqConfig.iterations == 2)
        for start in ["corda", "lora_ga"] {
            #expect(error(["init_lora_weights": .string(start)]).contains(start))
        }
        #expect(error(["init_lora_weights": "magic"]).contains("magic"))
        #expect(error(["init_lora_weights": 1]).contains("init_lora_weights"))
    }

    @Test func otherKindsOfAdapterAreNamed() {
        #expect(error(["peft_type": "MAGIC"]).contains("\"MAGIC\""))
        #expect(error(["peft_type": nil]).contains("peft_type"))
    }

    @Test func valuesOfTheWrongKindSayWhere() {
        #expect(error(["r": "8"]).contains("r"))
        #expect(error(["r": 0]).contains("rank must be positive"))
        #expect(error(["rank_pattern": ["query": -1]]).contains("rank_pattern"))
        #expect(error(["lora_dropout": 2]).contains("lora_dropout"))
        #expect(error(["bias": "some"]).contains("some"))
        #expect(error(["target_modules": 3]).contains("target_modules"))
    }
}
