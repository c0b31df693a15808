import Foundation
import JSON
import Networks
import Testing
import Torch

@testable import Backbones

@Suite struct ViTTests {
    /// The spelling of transformers 4.
    private func older(_ name: String) throws -> String {
        try Backbones.olderModulePath(name, for: ModelConfig(Tiny.vit))
    }

    @Test func bothSpellingsOfAFileGiveTheSameNetwork() throws {
        let expected = try Tiny.model(Tiny.vit)
        let files = [try TemporaryCheckpoint(Tiny.vit), try TemporaryCheckpoint(Tiny.vit) { try? older($0) }]
        for file in files {
            let loaded = try Backbones.load(file.folder)
            #expect(loaded.newParameters.isEmpty)
            #expect(Array(loaded.model.parameters.keys) == Array(expected.parameters.keys))
            let logits = try #require(try loaded.model(Tiny.images()).logits)
            #expect(try logits.isEqual(to: #require(expected(Tiny.images()).logits)))
        }
        let query = try Backbones.load(files[1].folder).model.projections["vit.layers.1.attention.q_proj"]
        #expect(query?.weight.fileName == "vit.encoder.layer.1.attention.attention.query.weight")
    }

    @Test func aFileThatHoldsBothSpellingsIsAnError() throws {
        let checkpoint = try TemporaryCheckpoint(
            Tiny.vit, adding: [("vit.encoder.layer.0.intermediate.dense.bias", .zeros([20]))])
        #expect {
            try Backbones.load(checkpoint.folder)
        } throws: { "\($0)".contains("vit.encoder.layer.0.intermediate.dense.bias") }
    }

    @Test func aBackboneWithoutItsPrefixGetsANewClassifier() throws {
        let checkpoint = try TemporaryCheckpoint(
            Tiny.vit, head: .features,
            adding: [("pooler.dense.weight", .zeros([12, 12])), ("pooler.dense.bias", .zeros([12]))]
        ) { (try? older($0)).map { String($0.dropFirst("vit.".count)) } }
        let loaded = try Backbones.load(checkpoint.folder, head: .imageClassification(labels: 7))
        #expect(loaded.newParameters == ["classifier.weight", "classifier.bias"])
        #expect(try loaded.model(Tiny.images()).logits?.shape == [2, 7])
    }

    @Test(arguments: [
        ("vit.encoder.layer.3.attention.attention.query", "vit.layers.3.attention.q_proj"),
        ("vit.encoder.layer.3.attention.attention.key", "vit.layers.3.attention.k_proj"),
        ("vit.encoder.layer.3.attention.attention.value", "vit.layers.3.attention.v_proj"),
        ("vit.encoder.layer.3.attention.output.dense", "vit.layers.3.attention.o_proj"),
        ("vit.encoder.layer.3.intermediate.dense", "vit.layers.3.mlp.fc1"),
        ("vit.encoder.layer.3.output.dense", "vit.layers.3.mlp.fc2"),
        ("vit.encoder.layer.3.layernorm_before", "vit.layers.3.layernorm_before"),
        ("vit.embeddings.patch_embeddings.projection", "vit.embeddings.patch_embeddings.projection"),
        ("classifier", "classifier"),
    ])
    func pathsTranslateBothWays(_ older: String, _ canonical: String) throws {
        let config = ModelConfig(Tiny.vit)
        #expect(try Backbones.canonicalModulePath(older, for: config) == canonical)
        #expect(try Backbones.canonicalModulePath(canonical, for: config) == canonical)
        #expect(try Backbones.olderModulePath(canonical, for: config) == older)
        let bare = older.hasPrefix("vit.") ? String(older.dropFirst("vit.".count)) : older
        #expect(try Backbones.canonicalModulePath(bare, for: config) == canonical)
    }

    @Test(arguments: [
        ("query", ["q_proj"]), ("attention.query", ["q_proj"]), ("attention.attention.value", ["attention.v_proj"]),
        ("attention.output.dense", ["attention.o_proj"]), ("output.dense", ["o_proj", "mlp.fc2"]),
        ("dense", ["o_proj", "fc1", "fc2"]), ("fc1", ["fc1"]), ("q_proj", ["q_proj"]), ("classifier", ["classifier"]),
        ("vit.encoder.layer.0.output.dense", ["vit.layers.0.mlp.fc2"]),
    ])
    func targetNamesTranslateToAllThatTheyMeant(_ name: String, _ expected: [String]) throws {
        #expect(try Backbones.canonicalTargetNames(name, for: ModelConfig(Tiny.vit)) == expected)
    }

    @Test func pathsOfFamiliesThatWereNotRenamedStay() throws {
        let config = ModelConfig(Tiny.bert)
        let path = "bert.encoder.layer.0.output.dense"
        #expect(try Backbones.canonicalModulePath(path, for: config) == path)
        #expect(try Backbones.canonicalModulePath("encoder.layer.0.output.dense", for: config) == path)
        #expect(try Backbones.canonicalTargetNames("query", for: config) == ["query"])
        #expect(try Backbones.olderModulePath(path, for: config) == path)
    }

    @Test func thePatchEmbeddingIsASite() throws {
        let site = try #require(
            try Tiny.model(Tiny.vit).projections["vit.embeddings.patch_embeddings.projection"])
        #expect(site.kind == .convolution(.init(input: 3, output: 12, kernel: [8, 8], stride: [8, 8])))
    }

    @Test(arguments: [
        [2, 3, 16, 24], [2, 1, 16, 16], [3, 16, 16],
    ])
    func imagesOfAnotherShapeAreErrors(_ shape: [Int]) throws {
        for config in [Tiny.vit, Tiny.timm] {
            let model = try Tiny.model(config)
            #expect(throws: NetworkError.self) { try model(ModelInput(pixelValues: .zeros(shape))) }
        }
    }

    private static let unsupported: [(String, JSON)] = [
        ("patch_size", 32), ("image_size", [16, 16, 3]), ("image_size", 0), ("num_attention_heads", 5),
        ("hidden_act", "none"), ("head_dim", 8), ("attention_probs_dropout_prob", -0.5),
        ("architectures", ["ViTForMaskedImageModeling"]),
    ]

    @Test(arguments: unsupported)
    func fieldsThatAreNotComputedAreErrors(_ field: String, _ value: JSON) {
        #expect(throws: (any Error).self) { try Tiny.model(Tiny.vit.with([field: value])) }
    }

    @Test func dropoutActsInTrainingAlone() throws {
        let model = try Tiny.model(Tiny.vit.with(["hidden_dropout_prob": 0.3, "attention_probs_dropout_prob": 0.3]))
        let images = try Tiny.images()
        func logits(_ isTraining: Bool, seed: Int) throws -> Tensor {
            try #require(
                try model(images, ForwardContext(isTraining: isTraining, key: RandomKey(seed: seed))).logits)
        }
        #expect(try logits(false, seed: 1).isEqual(to: logits(false, seed: 2)))
        #expect(try logits(true, seed: 1).isEqual(to: logits(true, seed: 1)))
        #expect(try !logits(true, seed: 1).isEqual(to: logits(true, seed: 2)))
    }
}

@Suite struct ViTTimmTests {
    private func with(_ arguments: [String: JSON?]) -> JSON {
        guard case .object(let config) = Tiny.timm, let base = config["model_args"] else { return Tiny.timm }
        return Tiny.timm.with(["model_args": base.with(arguments)])
    }

    @Test(arguments: ViTTimmPreset.names)
    func everyNameHasItsSizes(_ name: String) throws {
        let settings = try ViTTimmSettings(ModelConfig(["architecture": .string(name)]))
        #expect(settings.width % settings.heads == 0)
        #expect(name.contains("patch\(settings.patches.patch.height)"))
        #expect(name.contains("\(settings.patches.image.width)") || name.hasSuffix("dinov2"))
    }

    @Test func aNameStandsForTimmsDefaults() throws {
        let plain = try ViTTimmSettings(ModelConfig(["architecture": "vit_small_patch16_384"]))
        #expect(plain.patches.image == Extent(height: 384, width: 384))
        #expect(plain.width == 384 && plain.depth == 12 && plain.heads == 6 && plain.intermediate == 1536)
        #expect(plain.eps == 1e-6 && plain.normalizesTokens && !plain.normalizesPooled && !plain.normalizesInput)
        let clip = try ViTTimmSettings(ModelConfig(["architecture": "vit_base_patch16_clip_quickgelu_224"]))
        #expect(clip.normalizesInput && clip.eps == 1e-5 && clip.activation == .quickGelu)
        let registers = try ViTTimmSettings(ModelConfig(["architecture": "vit_large_patch14_reg4_dinov2"]))
        #expect(registers.registers == 4 && registers.scalesBranches && !registers.positionsCoverPrefix)
        #expect(registers.patches.count == 37 * 37)
        let giant = try ViTTimmSettings(ModelConfig(["architecture": "vit_giant_patch14_224"]))
        #expect(giant.intermediate == 6144)
    }

    @Test func theImageSizeIsThePublishedOneUnlessTheArgumentsSayOtherwise() throws {
        let config: JSON = [
            "architecture": "vit_base_patch16_224", "pretrained_cfg": ["input_size": [1, 32, 48], "num_classes": 9],
        ]
        let settings = try ViTTimmSettings(ModelConfig(config))
        #expect(settings.patches.image == Extent(height: 32, width: 48))
        #expect(settings.patches.channels == 1)
        #expect(try ViTTimmSettings.classCount(ModelConfig(config)) == 9)
        #expect(try ViTTimmSettings.classCount(ModelConfig(config.with(["num_classes": 0]))) == 0)
        let narrower = try ViTTimmSettings(ModelConfig(config.with(["model_args": ["img_size": 16]])))
        #expect(narrower.patches.image == Extent(height: 16, width: 16))
    }

    private static let unsupportedArguments: [(String, JSON)] = [
        ("dynamic_img_size", true), ("patch_drop_rate", 0.2), ("scale_attn_norm", true),
        ("embed_norm_layer", "layernorm"), ("norm_layer", "rmsnorm"), ("act_layer", "maxout"), ("global_pool", "map"),
        ("class_token", false), ("mlp_ratio", 1e300), ("num_heads", 5), ("pos_embed", "rope"), ("block_fn", "Parallel"),
    ]

    @Test(arguments: unsupportedArguments)
    func argumentsThatAreNotComputedAreErrorsThatNameThem(_ key: String, _ value: JSON) {
        #expect {
            try Tiny.model(with([key: value]))
        } throws: { error in
            "\(error)".contains(key) || (key == "class_token" && "\(error)".contains("class token"))
        }
    }

    @Test func argumentsThatChangeNothingAreAccepted() throws {
        let config = with([
            "dynamic_img_size": false, "embed_norm_layer": nil, "weight_init": "jax", "patch_drop_rate": 0.0,
            "norm_layer": "layernorm", "act_layer": "gelu",
        ])
        let logits = try #require(try Tiny.model(config)(Tiny.images()).logits)
        #expect(try logits.isEqual(to: #require(Tiny.model(Tiny.timm)(Tiny.images()).logits)))
    }

    @Test(arguments: ["avg", "max", "avgmax"])
    func poolingLeavesOutClassTokenAndRegistersUnlessAsked(_ pool: JSON) throws {
        let images = try Tiny.images()
        let arguments: [String: JSON?] = ["global_pool": pool, "fc_norm": false, "reg_tokens": 2]
        let model = try Tiny.model(with(arguments))
        let hidden = try model(images).lastHiddenState
        #expect(try hidden.shape == [2, 7, 12])
        func pooled(_ x: Tensor) throws -> Tensor {
            switch pool {
            case "avg": try x.mean([1])
            case "max": try x.amax([1])
            default: try (x.mean([1]) + x.amax([1])) / 2
            }
        }
        let head = try #require(model.projections["head"])
        let expected = try head(pooled(hidden.narrow(1, 3, 4)), ForwardContext())
        #expect(try model(images).logits?.distance(to: expected) ?? 1 < 1e-5)
        let whole = try Tiny.model(with(arguments.merging(["pool_include_prefix": true]) { $1 }))
        let wholeHead = try #require(whole.projections["head"])
        let all = try wholeHead(pooled(whole(images).lastHiddenState), ForwardContext())
        #expect(try whole(images).logits?.distance(to: all) ?? 1 < 1e-5)
    }

    @Test func skippedBranchesLeaveWholeRowsAsTheyWere() throws {
        // One block beyond the first, whose branches are always left out: what goes in comes out.
        let model = try Tiny.model(with(["drop_path_rate": 1.0, "final_norm": false]), head: .features)
        let shallow = try Tiny.model(with(["depth": 1, "final_norm": false]), head: .features)
        let images = try Tiny.images()
        // A rate of 1 divides by zero in the scale, so the branch is 0 times infinity unless it is cut.
        let training = ForwardContext(isTraining: true, key: RandomKey(seed: 3))
        #expect(try model(images, training).lastHiddenState.distance(to: shallow(images).lastHiddenState) < 1e-5)
        #expect(try model(images).lastHiddenState.distance(to: shallow(images).lastHiddenState) > 1e-3)
    }

    @Test func aNetworkWithoutHeadGivesItsTokens() throws {
        let loaded = try Backbones.random(ModelConfig(Tiny.timm.with(["num_classes": 0])), options: .init())
        #expect(loaded.head == .features)
        #expect(try loaded.model(Tiny.images()).logits == nil)
    }

    @Test func aFileOfAnotherNumberOfClassesIsAnErrorThatNamesTheHead() throws {
        let checkpoint = try TemporaryCheckpoint(Tiny.timm)
        #expect(throws: NetworkError.shape(name: "head.weight", expected: [9, 12], found: [4, 12])) {
            try Backbones.load(checkpoint.folder, head: .imageClassification(labels: 9))
        }
    }
}
