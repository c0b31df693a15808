import JSON
import Testing

@Suite struct SerializeTests {
    private let value: JSON = [
        "b": [1, 0.5, nil, true], "a": "é\"\\\n\u{1}😀\u{7F}", "c": .object([:]), "d": .array([]),
    ]

    @Test func compactIsTheShortestText() {
        #expect(value.serialized() == #"{"b":[1,0.5,null,true],"a":"é\"\\\n\u0001😀"# + "\u{7F}" + #"","c":{},"d":[]}"#)
    }

    @Test func configurationEqualsPython() {
        let expected = """
            {
              "a": "\\u00e9\\"\\\\\\n\\u0001\\ud83d\\ude00\u{7F}",
              "b": [
                1,
                0.5,
                null,
                true
              ],
              "c": {},
              "d": []
            }
            """
        #expect(value.serialized(.configuration) == expected)
    }

    @Test(arguments: [
        (1e-5, "1e-05"), (1e16, "1e+16"), (1.2e16, "1.2e+16"), (12_345_678_901_234_568, "1.2345678901234568e+16"),
        (1e15, "1000000000000000.0"), (0.0001, "0.0001"), (0.1, "0.1"), (-1e22, "-1e+22"), (1e300, "1e+300"),
        (9_007_199_254_740_994, "9007199254740994.0"), (-0.0, "-0.0"), (.infinity, "Infinity"),
        (-1.7e16, "-1.7e+16"),
    ]) func numbersLookLikePythons(number: Double, text: String) {
        #expect(JSON.double(number).serialized() == text)
    }

    @Test func everythingWrittenReadsBack() throws {
        for format in [JSON.Format.compact, .pretty, .configuration] {
            #expect(try JSON.parse(value.serialized(format)) == value)
        }
        var bits: UInt64 = 1
        for _ in 0..<2000 {
            bits = bits &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let number = Double(bitPattern: bits)
            guard number.isFinite else { continue }
            #expect(try JSON.parse(JSON.double(number).serialized()) == .double(number))
        }
    }
}
