import Foundation
import JSON
import Networks
import Testing
import Torch

@testable import Backbones

@Suite struct EncoderLoadingTests {
    private let classification = Head.sequenceClassification(labels: 3)

    @Test func aBareBackboneGetsANewHeadAndKeepsItsPooler() throws {
        // sentence-transformers' files: BertModel, without the prefix, with a buffer of older versions.
        let checkpoint = try TemporaryCheckpoint(
            Tiny.bert.with(["architectures": ["BertModel"]]), head: classification,
            adding: [("embeddings.position_ids", .arange(to: 12).unsqueeze(0))]
        ) { $0.hasPrefix("bert.") ? String($0.dropFirst("bert.".count)) : nil }
        let loaded = try Backbones.load(checkpoint.folder, head: classification)
        #expect(loaded.newParameters == ["classifier.weight", "classifier.bias"])
        #expect(loaded.model.parameters["bert.pooler.dense.weight"]?.isNew == false)
        #expect(loaded.model.parameters["bert.pooler.dense.weight"]?.fileName == "pooler.dense.weight")
        let bare = try Backbones.load(checkpoint.folder)
        #expect(bare.head == .features)
        #expect(bare.newParameters.isEmpty)
    }

    @Test func aNewHeadIsAFunctionOfTheSeed() throws {
        let checkpoint = try TemporaryCheckpoint(Tiny.roberta, head: .features)
        func weight(seed: Int) throws -> Tensor? {
            let loaded = try Backbones.load(checkpoint.folder, head: classification, options: .init(seed: seed))
            return loaded.model.parameters["classifier.out_proj.weight"]?.base
        }
        let first = try #require(try weight(seed: 1))
        #expect(try first.isEqual(to: #require(try weight(seed: 1))))
        #expect(try !first.isEqual(to: #require(try weight(seed: 2))))
    }

    @Test func headsOfOtherTasksAreLeftAside() throws {
        let checkpoint = try TemporaryCheckpoint(
            Tiny.bert.with(["architectures": ["BertForPreTraining"]]), head: .maskedLM,
            adding: [
                ("cls.seq_relationship.weight", .zeros([2, 16])), ("cls.seq_relationship.bias", .zeros([2])),
                ("bert.pooler.dense.weight", .zeros([16, 16])), ("bert.pooler.dense.bias", .zeros([16])),
            ])
        #expect(try Backbones.load(checkpoint.folder).head == .maskedLM)
        let tokens = try Backbones.load(checkpoint.folder, head: .tokenClassification(labels: 5))
        #expect(tokens.newParameters == ["classifier.weight", "classifier.bias"])
    }

    @Test func tensorsWithoutAPlaceAreErrorsThatNameThem() throws {
        let name = "bert.encoder.layer.2.output.dense.weight"
        let checkpoint = try TemporaryCheckpoint(Tiny.bert, adding: [(name, .zeros([16, 24]))])
        #expect(throws: NetworkError.unexpectedTensors(names: [name], source: checkpoint.folder.path)) {
            try Backbones.load(checkpoint.folder)
        }
    }

    @Test func aMissingTensorOfTheBackboneIsAnErrorThatNamesTheNearest() throws {
        let checkpoint = try TemporaryCheckpoint(Tiny.bert) {
            $0 == "bert.encoder.layer.1.attention.self.key.bias" ? nil : $0
        }
        #expect {
            try Backbones.load(checkpoint.folder)
        } throws: { error in
            guard case NetworkError.missingTensor(let name, _, let nearest) = error else { return false }
            return name == "bert.encoder.layer.1.attention.self.key.bias" && nearest != nil
        }
    }

    @Test func aShapeThatTheConfigurationDoesNotGiveIsAnError() throws {
        let checkpoint = try TemporaryCheckpoint(Tiny.bert)
        try Data(Tiny.bert.with(["intermediate_size": 23]).serialized().utf8)
            .write(to: checkpoint.folder.appendingPathComponent("config.json"))
        #expect(
            throws: NetworkError.shape(
                name: "bert.encoder.layer.0.intermediate.dense.weight", expected: [23, 16], found: [24, 16])
        ) { try Backbones.load(checkpoint.folder) }
    }

    private static let unsupported: [(String, JSON)] = [
        ("position_embedding_type", "relative_key"), ("add_cross_attention", true), ("hidden_act", "maxout"),
        ("num_attention_heads", 3), ("hidden_dropout_prob", 1.5), ("layer_norm_eps", -1), ("vocab_size", 0),
        ("num_hidden_layers", "two"), ("architectures", ["BertForMultipleChoice"]),
    ]

    @Test(arguments: unsupported)
    func fieldsThatAreNotComputedAreErrorsThatNameThem(_ field: String, _ value: JSON) {
        #expect {
            try Tiny.model(Tiny.bert.with([field: value]))
        } throws: { "\($0)".contains(field) }
    }
}

@Suite struct EncoderDecoderTests {
    private static let config = Tiny.bert.with(["architectures": ["BertForMaskedLM"]])
    private let input: ModelInput

    init() throws {
        input = ModelInput(inputIDs: try Tensor([3 as Int64, 9, 27, 5], shape: [1, 4]))
    }

    @Test func aTiedDecoderStoredTwiceIsOneParameter() throws {
        let tied = try Tiny.model(Self.config)
        let words = try #require(tied.parameters["bert.embeddings.word_embeddings.weight"]).value
        let bias = try #require(tied.parameters["cls.predictions.bias"]).value
        let checkpoint = try TemporaryCheckpoint(
            Self.config,
            adding: [("cls.predictions.decoder.weight", words), ("cls.predictions.decoder.bias", bias)])
        let loaded = try Backbones.load(checkpoint.folder).model
        #expect(loaded.parameters["cls.predictions.decoder.weight"] == nil)
        #expect(loaded.parameters["cls.predictions.decoder.bias"] == nil)
        #expect(try loaded(input).logits?.distance(to: #require(tied(input).logits)) == 0)
    }

    @Test func aDecoderWithItsOwnNumbersIsNotTied() throws {
        let checkpoint = try TemporaryCheckpoint(
            Self.config,
            adding: [
                ("cls.predictions.decoder.weight", .zeros([40, 16])), ("cls.predictions.decoder.bias", .full([40], 7)),
            ])
        let logits = try #require(try Backbones.load(checkpoint.folder).model(input).logits)
        #expect(try logits.isEqual(to: .full([1, 4, 40], 7)))
    }

    @Test func theBiasMayCarryTheDecodersNameAlone() throws {
        let checkpoint = try TemporaryCheckpoint(Self.config) {
            $0 == "cls.predictions.bias" ? "cls.predictions.decoder.bias" : $0
        }
        let expected = try #require(try Tiny.model(Self.config)(input).logits)
        #expect(try Backbones.load(checkpoint.folder).model(input).logits?.distance(to: expected) == 0)
    }

    @Test func theNormsMayCarryTheirOldNames() throws {
        let checkpoint = try TemporaryCheckpoint(Self.config) {
            $0.replacing("LayerNorm.weight", with: "LayerNorm.gamma").replacing(
                "LayerNorm.bias", with: "LayerNorm.beta")
        }
        let loaded = try Backbones.load(checkpoint.folder).model
        let norm = loaded.parameters["bert.encoder.layer.0.output.LayerNorm.weight"]
        #expect(norm?.fileName == "bert.encoder.layer.0.output.LayerNorm.gamma")
        #expect(try loaded(input).logits?.distance(to: #require(Tiny.model(Self.config)(input).logits)) == 0)
    }
}

@Suite struct EncoderInputTests {
    /// The token ids of one row; 1 is RoBERTa's padding.
    private static let ids: [Int64] = [3, 9, 27, 5]

    private func row(_ ids: [Int64], mask: [Int64]? = nil, positions: [Int64]? = nil) throws -> ModelInput {
        ModelInput(
            inputIDs: try Tensor(ids, shape: [1, ids.count]),
            attentionMask: try mask.map { try Tensor($0, shape: [1, ids.count]) },
            positionIDs: try positions.map { try Tensor($0, shape: [1, ids.count]) })
    }

    @Test(arguments: [Tiny.bert, Tiny.roberta])
    func paddingAtTheRightChangesNothing(_ config: JSON) throws {
        let model = try Tiny.model(config)
        let alone = try #require(try model(row(Self.ids)).logits)
        let padded = try #require(try model(row(Self.ids + [1, 1, 1], mask: [1, 1, 1, 1, 0, 0, 0])).logits)
        #expect(try alone.distance(to: padded) < 1e-5)
        let unmasked = try #require(try model(row(Self.ids + [1, 1, 1])).logits)
        #expect(try alone.distance(to: unmasked) > 1e-3)
    }

    @Test func robertaCountsTokensWhereverThePaddingIs() throws {
        let model = try Tiny.model(Tiny.roberta, head: .features)
        let alone = try model(row(Self.ids)).lastHiddenState
        let left = try model(row([1, 1] + Self.ids, mask: [0, 0, 1, 1, 1, 1])).lastHiddenState.narrow(1, 2, 4)
        #expect(try alone.distance(to: left) < 1e-5)
        let spread = try model(row([3, 1, 9, 27, 1, 5], mask: [1, 0, 1, 1, 0, 1])).lastHiddenState
        let kept = try spread.indexSelect(1, Tensor([0 as Int64, 2, 3, 5]))
        #expect(try alone.distance(to: kept) < 1e-5)
    }

    @Test func bertCountsPaddingToo() throws {
        let model = try Tiny.model(Tiny.bert, head: .features)
        let left = try model(row([0, 0] + Self.ids, mask: [0, 0, 1, 1, 1, 1])).lastHiddenState.narrow(1, 2, 4)
        let placed = try model(row(Self.ids, positions: [2, 3, 4, 5])).lastHiddenState
        #expect(try left.distance(to: placed) < 1e-5)
        #expect(try left.distance(to: model(row(Self.ids)).lastHiddenState) > 1e-3)
    }

    @Test func aRowOfPaddingAloneStaysFinite() throws {
        for config in [Tiny.bert, Tiny.roberta] {
            let model = try Tiny.model(config)
            let input = ModelInput(
                inputIDs: try Tensor(Self.ids + [1, 1, 1, 1], shape: [2, 4]),
                attentionMask: try Tensor([1, 1, 1, 1, 0, 0, 0, 0] as [Int64], shape: [2, 4]))
            let logits = try #require(try model(input).logits)
            #expect(try logits.isAllFinite())
            #expect(try logits.narrow(0, 0, 1).distance(to: #require(model(row(Self.ids)).logits)) < 1e-5)
        }
    }

    @Test func inputLongerThanThePositionsIsAnError() throws {
        func text(_ config: JSON, _ input: ModelInput) throws -> String? {
            let model = try Tiny.model(config)
            do {
                _ = try model(input)
                return nil
            } catch let error as NetworkError { return error.description }
        }
        let tokens = [Int64](repeating: 5, count: 13)
        #expect(try text(Tiny.bert, row(Array(tokens.prefix(12)))) == nil)
        #expect(try text(Tiny.bert, row(tokens))?.contains("13 tokens is longer than the 12 positions") == true)
        // Twelve rows of RoBERTa's table, of which the first two are for padding.
        #expect(try text(Tiny.roberta, row(Array(tokens.prefix(10)))) == nil)
        #expect(try text(Tiny.roberta, row(Array(tokens.prefix(11))))?.contains("the 10 positions") == true)
        #expect(try text(Tiny.roberta, row(Array(tokens.prefix(10)) + [1, 1, 1])) == nil)
        #expect(try text(Tiny.bert, row([3, 4], positions: [0, 12]))?.contains("12 positions") == true)
    }

    @Test func lookingUpPaddingTrainsNoRow() throws {
        func gradient(_ config: JSON, _ name: String) throws -> Tensor {
            let model = try Tiny.model(config, head: .features)
            let table = try #require(model.parameters[name])
            let leaf = try table.value.clone().setRequiresGrad(true)
            try table.replace(with: leaf)
            try model(row([1, 3, 9, 1])).lastHiddenState.pow(2).sum().backward()
            return try #require(try leaf.grad).abs().amax([1])
        }
        let words = "embeddings.word_embeddings.weight"
        #expect(try gradient(Tiny.roberta, "roberta." + words).select(0, 1).item() == 0)
        #expect(try gradient(Tiny.roberta, "roberta." + words).select(0, 3).item() > 0)
        #expect(try gradient(Tiny.roberta, "roberta.embeddings.position_embeddings.weight").select(0, 1).item() == 0)
        // BERT's padding is 0, so 1 is a word there; null means none.
        #expect(try gradient(Tiny.bert, "bert." + words).select(0, 1).item() > 0)
        #expect(try gradient(Tiny.bert.with(["pad_token_id": 1]), "bert." + words).select(0, 1).item() == 0)
        let none = Tiny.bert.with(["pad_token_id": .some(.null)])
        #expect(try gradient(none, "bert." + words).select(0, 1).item() > 0)
        #expect(throws: NetworkError.self) { try Tiny.model(Tiny.roberta.with(["pad_token_id": .some(.null)])) }
    }

    @Test func aCausalEncoderSeesNothingLater() throws {
        let model = try Tiny.model(Tiny.bert.with(["is_decoder": true]), head: .features)
        let first = try model(row([3, 9, 27, 5])).lastHiddenState
        let second = try model(row([3, 9, 27, 6])).lastHiddenState
        #expect(try first.narrow(1, 0, 3).distance(to: second.narrow(1, 0, 3)) < 1e-5)
        #expect(try first.narrow(1, 3, 1).distance(to: second.narrow(1, 3, 1)) > 1e-3)
    }

    @Test(arguments: [Tiny.bert, Tiny.roberta])
    func dropoutActsInTrainingAloneAndIsAFunctionOfTheKey(_ config: JSON) throws {
        let model = try Tiny.model(config.with(["hidden_dropout_prob": 0.5]))
        func logits(_ isTraining: Bool, seed: Int) throws -> Tensor {
            let context = ForwardContext(isTraining: isTraining, key: RandomKey(seed: seed))
            return try #require(try model(row(Self.ids), context).logits)
        }
        #expect(try logits(false, seed: 1).isEqual(to: logits(false, seed: 2)))
        #expect(try logits(true, seed: 1).isEqual(to: logits(true, seed: 1)))
        #expect(try !logits(true, seed: 1).isEqual(to: logits(true, seed: 2)))
        #expect(try !logits(true, seed: 1).isEqual(to: logits(false, seed: 1)))
    }
}
