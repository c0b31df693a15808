import Foundation
import Testing
import Torch

@testable import Generation

@Suite struct ScoreProcessingTests {
    private func process(_ scores: [Float], seen: [Int] = [], _ change: (inout GenerationOptions) -> Void) throws
        -> [Float]
    {
        var options = GenerationOptions()
        options.temperature = 1
        change(&options)
        return try ScoreProcessing(options: options)(Tensor(scores), seen: seen).array()
    }

    @Test func temperatureDividesScores() throws {
        #expect(try process([1, -2, 4]) { $0.temperature = 2 } == [0.5, -1, 2])
    }

    @Test func topKKeepsTheLargestAndTheirEquals() throws {
        let low = -Float.infinity
        #expect(try process([3, 1, 2, 0]) { $0.topK = 2 } == [3, low, 2, low])
        #expect(try process([3, 2, 2, 0]) { $0.topK = 2 } == [3, 2, 2, low])
        #expect(try process([3, 2]) { $0.topK = 9 } == [3, 2])
    }

    /// Probabilities .5, .3, .15, .05 in another order.
    @Test(arguments: [(0.4, [1]), (0.6, [1, 3]), (0.9, [0, 1, 3]), (0.97, [0, 1, 2, 3]), (1e-9, [1])])
    func topPKeepsTheFewestThatReachTheShare(share: Double, kept: [Int]) throws {
        let scores = [0.15, 0.5, 0.05, 0.3].map { Float(log($0)) }
        let result = try process(scores) { $0.topP = share }
        #expect(result.indices.filter { result[$0].isFinite } == kept)
        for place in kept { #expect(result[place] == scores[place]) }
    }

    @Test func topPSeesTheScoresAfterTemperature() throws {
        let scores = [0.6, 0.4].map { Float(log($0)) }
        // At temperature 1/4 the first has .6⁴ / (.6⁴ + .4⁴) = .835 of the probability.
        let result = try process(scores) { ($0.temperature, $0.topP) = (0.25, 0.8) }
        #expect(result[0].isFinite)
        #expect(result[1] == -.infinity)
        #expect(try process(scores) { $0.topP = 0.8 }.allSatisfy(\.isFinite))
    }

    @Test func repetitionPenaltyDividesPositiveAndMultipliesNegativeScores() throws {
        let result = try process([2, -2, 4, -4], seen: [0, 1, 1]) { $0.repetitionPenalty = 2 }
        #expect(result == [1, -4, 4, -4])
    }

    @Test func drawsFollowTheProbabilities() throws {
        var options = GenerationOptions()
        options.temperature = 1
        let processing = ScoreProcessing(options: options)
        let scores = try Tensor([0.7, 0.3].map { Float(log($0)) })
        let draws = try (0..<2000).map { try processing.token(from: scores, position: $0) }
        let share = Double(draws.count { $0 == 0 }) / 2000
        // Five standard deviations.
        #expect(abs(share - 0.7) < 0.052)
    }
}

@Suite struct StopMatcherTests {
    @Test func aStopStringInPiecesIsFoundAndNothingOfItGivenOut() {
        var matcher = StopMatcher(["</end>"])
        #expect(matcher.append("text <").text == "text ")
        #expect(matcher.append("/e").text == "")
        let (text, stop) = matcher.append("nd> more")
        #expect(text == "")
        #expect(stop == "</end>")
    }

    @Test func whatOnlyLookedLikeAStopStringComesOutLater() {
        var matcher = StopMatcher(["aab"])
        #expect(matcher.append("xaa").text == "x")
        #expect(matcher.append("a").text == "a")
        #expect(matcher.append("c").text == "aac")
        #expect(matcher.append("a").text == "")
        #expect(matcher.finish() == "a")
    }

    @Test func theEarliestOfSeveralCounts() {
        var matcher = StopMatcher(["later", "soon"])
        let (text, stop) = matcher.append("very soon and later")
        #expect(text == "very ")
        #expect(stop == "soon")
    }
}
