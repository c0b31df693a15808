import JSON
import Testing

@testable import Reporting

@Suite("Forecast")
struct ForecastTests {
    @Test("prints as an aligned table")
    func table() {
        let expected = """
            Data      examples              8,000
                      tokens per epoch    132,480  6.04 % labelled
                      example length    15 tokens  median; 95 % up to 34, shortest 4, longest 128
                      truncated            0.41 %  of the examples
                      padding               3.1 %  of the computed positions
            Model     trainable            91,181  0.4 % of 22,804,397 parameters
            Memory    estimated peak      292 MiB
                        frozen weights   86.6 MiB
                        activations       205 MiB
            Training  optimizer steps         500  250 batches per epoch
            """
        #expect(Samples.forecast.table() == expected)
    }

    @Test("a part's name from outside cannot break the table")
    func hostileName() {
        var forecast = Samples.forecast
        forecast.memoryParts = [MemoryPart(name: "a\nb\u{1B}[2J", bytes: .max), MemoryPart(name: "c", bytes: .max)]
        #expect(forecast.table().split(separator: "\n").count == 10)
        #expect(!forecast.table().contains("\u{1B}"))
        #expect(forecast.memoryBytes == .max)
    }

    @Test("lengths are the nearest ranks")
    func quantiles() {
        #expect(
            LengthQuantiles(lengths: [5, 1, 4, 2, 3])
                == LengthQuantiles(minimum: 1, median: 3, p95: 5, maximum: 5))
        #expect(
            LengthQuantiles(lengths: Array(1...100)) == LengthQuantiles(minimum: 1, median: 50, p95: 95, maximum: 100))
        #expect(LengthQuantiles(lengths: [7]) == LengthQuantiles(minimum: 7, median: 7, p95: 7, maximum: 7))
        #expect(LengthQuantiles(lengths: []) == LengthQuantiles(minimum: 0, median: 0, p95: 0, maximum: 0))
    }

    @Test("survives JSON")
    func json() throws {
        let text = Samples.forecast.json.serialized()
        #expect(try Forecast(JSON.Node(try JSON.parse(text))) == Samples.forecast)
    }
}
