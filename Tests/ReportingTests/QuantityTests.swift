import Testing

@testable import Reporting

@Suite("Quantities as text")
struct QuantityTests {
    @Test("bytes keep three digits and never show 1024 of a unit")
    func bytes() {
        #expect(
            [0, 1023, 1024, 1536, 1_048_575, 655_000_000, 2_040_109_466, .max].map(Quantity.bytes) == [
                "0 B", "1023 B", "1.00 KiB", "1.50 KiB", "1.00 MiB", "625 MiB", "1.90 GiB", "8.00 EiB",
            ])
        #expect(Quantity.bytes(-5) == "0 B")
    }

    @Test("counts are grouped, short counts are rounded")
    func counts() {
        #expect([0, 999, 1000, -1_234_567].map(Quantity.count) == ["0", "999", "1,000", "-1,234,567"])
        #expect(Quantity.count(.min) == "-9,223,372,036,854,775,808")
        #expect(
            [9999, 22_804_397, 999_999, 7_000_000_000].map(Quantity.shortCount) == [
                "9,999", "22.8 M", "1.00 M", "7.00 B",
            ])
    }

    @Test("durations change their units")
    func durations() {
        #expect(
            [0.0004, 0.85, 0.9999, 12.34, 59.99, 161.5, 7384, 90_000].map(Quantity.duration) == [
                "0 ms", "850 ms", "1 s", "12.3 s", "1 min 0 s", "2 min 42 s", "2 h 3 min", "1 d 1 h",
            ])
        #expect([0, 65, 3723, 97_445].map { Quantity.clock($0) } == ["0:00", "1:05", "1:02:03", "1d 03:04:05"])
    }

    @Test("numbers keep their significant digits at any size")
    func numbers() {
        #expect(
            [1.23456, 0.72134, 0.0319, 0.00123, 1.2e-5, 9.9996, 12_345.6, 1e9, 0, -2.5].map { Quantity.number($0) }
                == ["1.235", "0.7213", "0.0319", "0.001230", "1.2e-05", "10.00", "12,346", "1.0e+09", "0", "-2.500"])
    }

    @Test("what is not a number, or too large for a clock, is said and does not crash")
    func notANumber() {
        for value in [Double.nan, .infinity, -.infinity, .greatestFiniteMagnitude, -1] {
            _ = Quantity.percent(value)
            _ = Quantity.clock(value)
            _ = Quantity.duration(value)
            _ = Quantity.rate(value)
            _ = Quantity.learningRate(value)
        }
        #expect([Double.nan, .infinity, -.infinity].map { Quantity.number($0) } == ["NaN", "inf", "-inf"])
        #expect(Quantity.clock(.nan) == "--:--")
        #expect(Quantity.duration(.infinity) == "unknown")
    }

    @Test("shares, learning rates and rates")
    func others() {
        #expect(
            [0, 0.00324, 0.125, 1, 0.0000012].map(Quantity.percent) == ["0 %", "0.324 %", "12.5 %", "100 %", "1e-04 %"])
        #expect([0, 0.00025, 5e-4].map(Quantity.learningRate) == ["0", "2.5e-04", "5.0e-04"])
        #expect([1755.4, 104.6, 12.34, 0.5].map(Quantity.rate) == ["1,755", "105", "12.3", "0.50"])
    }

    @Test("control characters and marks of direction cannot pass into a terminal")
    func controlCharacters() {
        #expect("a\u{1B}[31mb\nc\u{202E}d\u{9B}e".withoutControlCharacters == "a\u{FFFD}[31mb c\u{FFFD}d\u{FFFD}e")
    }
}
