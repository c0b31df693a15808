import Networks
import Testing
import Torch

@testable import Generation

@Suite struct TextGeneratorTests {
    private func options(_ change: (inout GenerationOptions) -> Void = { _ in }) -> GenerationOptions {
        var options = GenerationOptions()
        options.maxNewTokens = 12
        change(&options)
        return options
    }

    @Test func cachedGenerationEqualsUncached() throws {
        let generator = try TinyModel.generator()
        let cached = try generator.generate(["Hello there", "A"], options: options())
        let uncached = try generator.generate(["Hello there", "A"], options: options { $0.usesCache = false })
        #expect(cached == uncached)
        #expect(cached[0].ids.count == 12)
        #expect(cached[0].finish == .length)
    }

    @Test func greedyTakesTheTokenWithTheHighestScoreOfAPlainForward() throws {
        let model = try TinyModel.model()
        let generator = try TextGenerator(model, tokenizer: try TinyModel.tokenizer(), endTokens: [])
        let found = try generator.generate(["abc"], options: options { $0.maxNewTokens = 3 })[0].ids
        var ids: [Int64] = [97, 98, 99]
        for id in found {
            let logits = try #require(try model(ModelInput(inputIDs: Tensor(ids, shape: [1, ids.count]))).logits)
            let best = try logits.select(0, 0).select(0, ids.count - 1).argmax(0).item()
            #expect(Int(best) == id)
            ids.append(Int64(id))
        }
    }

    @Test(arguments: [0.0, 0.9])
    func aBatchOfThreeEqualsThreeSingles(temperature: Double) throws {
        let generator = try TinyModel.generator()
        let prompts = ["a much longer prompt than the others", "b", "some"]
        let settings = options { $0.temperature = temperature }
        let together = try generator.generate(prompts, options: settings)
        let single = try prompts.map { try generator.generate([$0], options: settings)[0] }
        #expect(together == single)
    }

    @Test func rowsThatEndEarlyLeaveTheOthersAsTheyWere() throws {
        let plain = try TinyModel.generator()
        let long = try plain.generate(["one", "another prompt"], options: options())
        // A token that one row writes in the middle, and the other never: it now ends that row alone.
        let candidate = long[0].ids.enumerated().first { place, id in
            place < 11 && !long[0].ids[..<place].contains(id) && !long[1].ids.contains(id)
        }
        let (place, end) = try #require(candidate)
        let ended = try TinyModel.generator(endTokens: [end]).generate(["one", "another prompt"], options: options())
        #expect(ended[0].ids == Array(long[0].ids[...place]))
        #expect(ended[0].finish == .endToken)
        #expect(ended[1] == long[1])
    }

    @Test func theSeedDecidesTheText() throws {
        let generator = try TinyModel.generator()
        func text(_ seed: Int) throws -> [Int] {
            try generator.generate(["x"], options: options { ($0.temperature, $0.seed) = (1, seed) })[0].ids
        }
        #expect(try text(1) == text(1))
        #expect(try text(1) != text(2))
    }

    @Test func streamedTextIsTheResultsText() throws {
        let generator = try TinyModel.generator()
        var pieces = ["", ""]
        let results = try generator.generate(["one", "two words"], options: options { $0.temperature = 1 }) {
            pieces[$0] += $1
        }
        #expect(pieces == results.map(\.text))
    }

    @Test func stopStringsAcrossTokensEndTheTextBeforeThem() throws {
        let generator = try TinyModel.generator()
        let sampled = options { ($0.temperature, $0.maxNewTokens) = (1, 40) }
        let full = try generator.generate(["q"], options: sampled)[0].text
        // Every token is a byte, so that any text of two characters spans two tokens at least.
        let scalars = Array(full.unicodeScalars)
        let place = try #require(
            (1..<scalars.count - 1).first { scalars[$0].isASCII && scalars[$0 + 1].isASCII })
        var stop = String.UnicodeScalarView()
        stop.append(contentsOf: scalars[place...place + 1])
        var streamed = ""
        let result = try generator.generate(
            ["q"],
            options: {
                var options = sampled
                options.stopStrings = ["never written", String(stop)]
                return options
            }()
        ) { streamed += $1 }[0]
        #expect(result.finish == .stopString(String(stop)))
        #expect(!result.text.contains(String(stop)))
        #expect(streamed == result.text)
        #expect(full.utf8.starts(with: result.text.utf8))
    }

    @Test func repetitionPenaltyChangesWhatGreedyRepeats() throws {
        let generator = try TinyModel.generator()
        let plain = try generator.generate(["z"], options: options { $0.maxNewTokens = 30 })[0].ids
        let penalized = try generator.generate(
            ["z"], options: options { ($0.maxNewTokens, $0.repetitionPenalty) = (30, 50) })[0].ids
        #expect(Set(penalized).count > Set(plain).count)
    }

    @Test func generationEndsAtTheModelsLastPosition() throws {
        let generator = try TinyModel.generator(positions: 8)
        let result = try generator.generate(["abcde"], options: options())[0]
        #expect(result.ids.count == 3)
        #expect(result.finish == .length)
        #expect(throws: GenerationError.promptTooLong(index: 1, tokens: 9, limit: 8)) {
            try generator.generate(["a", "abcdefghi"], options: options())
        }
    }

    @Test func anEmptyPromptStartsWithTheStartToken() throws {
        #expect(try TinyModel.generator().generate([""], options: options())[0].promptTokens == 1)
    }

    @Test func optionsThatCannotBeAreErrors() throws {
        let generator = try TinyModel.generator()
        for change: (inout GenerationOptions) -> Void in [
            { $0.maxNewTokens = 0 }, { $0.temperature = -1 }, { $0.temperature = .nan }, { $0.topK = 0 },
            { $0.topP = 0 },
            { $0.topP = 1.5 }, { $0.repetitionPenalty = 0 }, { $0.stopStrings = [""] },
        ] {
            #expect(throws: GenerationError.self) { try generator.generate(["a"], options: options(change)) }
        }
    }
}
