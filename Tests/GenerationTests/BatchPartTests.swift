import JSON
import Methods
import Networks
import TestModels
import Testing
import Torch

@testable import Generation

/// Prompts that go through the network some rows at a time are continued as those that go through it at once.
@Suite struct BatchPartTests {
    /// Rows of many lengths, so that each part has padding of its own.
    private let prompts = ["a prompt that is longer than the others", "b", "some words", "and a fourth one", "fifth"]

    private func model(_ method: String?) throws -> Model {
        let model = try TinyModel.model()
        // Weights as large as trained ones: otherwise every prompt would be continued alike.
        for parameter in model.parameters.values where try parameter.base.rank == 2 {
            try parameter.replace(with: parameter.base * 6)
        }
        if let method { try add(method, to: model) }
        return model
    }

    /// Three tokens before each text.
    private func add(_ method: String, to model: Model) throws {
        let options: JSON = ["name": .string(method), "num_virtual_tokens": 3]
        let method = try MethodConfiguration(JSON.Node(options, source: "test")).method
        try model.add(method.grafts(for: model, key: RandomKey(seed: 5)), named: "a")
    }

    private func generator(_ model: Model, tokensAtATime: Int) throws -> TextGenerator {
        var generator = try TextGenerator(model, tokenizer: TinyModel.tokenizer(), endTokens: [97, 200])
        generator.tokensAtATime = tokensAtATime
        return generator
    }

    private func options(temperature: Double, usesCache: Bool = true) -> GenerationOptions {
        var options = GenerationOptions()
        (options.maxNewTokens, options.temperature, options.usesCache) = (12, temperature, usesCache)
        return options
    }

    @Test(arguments: [nil, "prompt_tuning", "prefix-tuning"], [0.0, 1.0])
    func promptsReadInPartsAreContinuedAsThoseReadAtOnce(method: String?, temperature: Double) throws {
        let model = try model(method)
        let settings = options(temperature: temperature)
        let whole = try generator(model, tokensAtATime: .max).generate(prompts, options: settings)
        #expect(Set(whole.map(\.ids)).count == prompts.count)
        // One row at a time, two, and parts that are not equally large; with so little, steps are parted as well.
        for tokens in [1, 3, 80, 160] {
            #expect(try generator(model, tokensAtATime: tokens).generate(prompts, options: settings) == whole)
        }
        let uncached = options(temperature: temperature, usesCache: false)
        #expect(try generator(model, tokensAtATime: 80).generate(prompts, options: uncached) == whole)
    }

    @Test(arguments: [1, 2, 3])
    func thePartsOfACacheAreItsRows(most: Int) throws {
        let loaded = try TinyModels.make("llama")
        let network = try #require(loaded.model.network as? any CausalLanguageNetwork)
        let ids = try Tensor((0..<5 * 7).map { Int64($0 * 11 % 40) }, shape: [5, 7])
        func states(_ parts: [BatchPart]) throws -> Tensor {
            let cache = KeyValueCache(layers: network.layerCount)
            let steps = try [(0, 4), (4, 2), (6, 1)].map { start, length in
                let rows = try parts.map { part in
                    let own = try ids.narrow(0, part.rows.lowerBound, part.rows.count).narrow(1, start, length)
                    return try cache.appending(part) {
                        try network.hiddenStates(ModelInput(inputIDs: own), ForwardContext(cache: cache))
                    }
                }
                #expect(cache.length == start + length)
                return try Tensor.cat(rows, dim: 0)
            }
            return try Tensor.cat(steps, dim: 1)
        }
        try withoutGradients {
            let whole = try network.hiddenStates(ModelInput(inputIDs: ids), ForwardContext())
            #expect(try (states(BatchPart.parts(of: 5, most: most)) - whole).abs().amax().item() < 1e-5)
        }
    }

    @Test func partsAreAsEqualAsTheyCanBe() {
        func sizes(_ count: Int, _ most: Int) -> [Int] { BatchPart.parts(of: count, most: most).map(\.rows.count) }
        #expect(sizes(16, 4) == [4, 4, 4, 4])
        #expect(sizes(7, 3) == [2, 2, 3])
        #expect(sizes(3, 0) == [1, 1, 1])
        #expect(sizes(3, 9) == [3])
        #expect(sizes(0, 4).isEmpty)
        #expect(BatchPart.parts(of: 7, most: 3).map(\.isLast) == [false, false, true])
    }

    @Test func sourcesReadInPartsGiveTheTargetsOfThoseReadAtOnce() throws {
        let model = try TargetGeneratorTests.model()
        func targets(_ tokensAtATime: Int, _ temperature: Double) throws -> [Continuation] {
            var generator = try TargetGenerator(model, tokenizer: TinyModel.tokenizer(), endTokens: [97, 200])
            generator.tokensAtATime = tokensAtATime
            return try generator.generate(prompts, options: options(temperature: temperature))
        }
        for temperature in [0, 0.9] {
            let whole = try targets(.max, temperature)
            #expect(Set(whole.map(\.ids)).count > 1)
            for tokens in [1, 90] { #expect(try targets(tokens, temperature) == whole) }
        }
    }

    @Test func rowsThatAnAdapterInsertsTakePositionsOfTheText() throws {
        let model = try TinyModel.model(positions: 16)
        try add("prompt_tuning", to: model)
        let generator = try TextGenerator(model, tokenizer: TinyModel.tokenizer(), endTokens: [])
        var settings = options(temperature: 0)
        settings.maxNewTokens = 100
        let found = try generator.generate(["abcde"], options: settings)[0]
        #expect(found.ids.count == 16 - 3 - 5 && found.finish == .length)
    }
}
