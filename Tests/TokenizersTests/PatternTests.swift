import Testing

@testable import Tokenizers

/// What the patterns match was taken from Oniguruma 6.9, through Python's `tokenizers`.
@Suite struct PatternTests {
    private func matches(_ pattern: String, _ text: String) throws -> [String] {
        let pattern = try Pattern(regex: pattern)
        var found: [String] = []
        try Array(text.utf8).withUnsafeBufferPointer { bytes in
            try pattern.forEachStretch(in: bytes, 0..<bytes.count, PatternMatcher()) { range, isMatch in
                if isMatch, !range.isEmpty { found.append(String(decoding: bytes[range], as: UTF8.self)) }
            }
        }
        return found
    }

    @Test(arguments: [
        (#"a++b|a"#, "aaab aaa", ["aaab", "a", "a", "a"]), (#"xa{2}?b|."#, "xbxaab", ["xb", "xaab"]),
        (#"a{,2}"#, "aaaa", ["aa", "aa"]), (#"a{1,2}+"#, "aaaaa", ["aaaaa"]), (#"a+?"#, "aa", ["a", "a"]),
        (#"(a|b)*+c"#, "abc", ["abc"]), (#"(?:a?)*b"#, "aab", ["aab"]), (#"(?:ab){2,3}"#, "abababab", ["ababab"]),
        (#"(?:(?:a){1,2}){2}"#, "aaaa", ["aaaa"]), (#"a{x}"#, "a{x}", ["a{x}"]), (#"a{0}"#, "a", []),
        (#"\d{1,3}(?=(?:\d{3})*\b)"#, "1234567 12", ["1", "234", "567", "12"]), (#"x*"#, "axb", ["x"]),
    ]) func quantifiers(pattern: String, text: String, expected: [String]) throws {
        #expect(try matches(pattern, text) == expected)
    }

    @Test(arguments: [
        (#"(?i:ss)"#, "ßẞSsſs", ["ß", "ẞ", "Ss", "ſs"]), (#"(?i:ß)"#, "ßẞSs", ["ß", "ẞ", "Ss"]),
        (#"(?i:[a-z]+)"#, "a\u{212A}ſKß", ["a\u{212A}ſK"]), (#"(?i:[^a-z])"#, "a\u{212A}Kß1", ["ß", "1"]),
        (#"(?i:'s)"#, "'ſ'S's", ["'ſ", "'S", "'s"]), (#"(?i:a(?-i:b))"#, "AbAB", ["Ab"]),
        (#"a(?i)b|c"#, "aBCc", ["aB"]), (#"(?i:[ß])"#, "ßSs", ["ß", "Ss"]), (#"(?i)σ"#, "ςΣσ", ["ς", "Σ", "σ"]),
        (#"(?i:\p{Lu})"#, "aA", ["A"]), (#"(?i:[\p{Lu}])"#, "aA", ["a", "A"]), (#"(?i)i"#, "İıI", ["I"]),
    ]) func caseFolding(pattern: String, text: String, expected: [String]) throws {
        #expect(try matches(pattern, text) == expected)
    }

    @Test(arguments: [
        (#"\s"#, "\u{1C}\u{85}\u{A0}\u{180E}\u{200B}\u{3000}\u{B}", ["\u{85}", "\u{A0}", "\u{3000}", "\u{B}"]),
        (#"[a-z&&[^aeiou]]+"#, "abcde", ["bcd"]), (#"[[:punct:]]"#, "$+-a!،", ["$", "+", "-", "!", "،"]),
        (#"\p{Punct}"#, "a!$", ["!"]), (#"[^\S\n]"#, "a \n\t", [" ", "\t"]), (#"\p{^L}"#, "a1", ["1"]),
        (#"\w+"#, "aé_1‿²", ["aé_1‿²"]), (#"[\w]+"#, "aé_1‿²", ["aé_1‿"]), (#"\d+"#, "1٣²", ["1٣"]),
        (#"[]a]"#, "a]", ["a", "]"]),
        (#"\p{Han}+"#, "漢字kana", ["漢字"]), (#"\R"#, "a\r\nb\n\u{2028}", ["\r\n", "\n", "\u{2028}"]),
        (#"."#, "a\nb\r", ["a", "b", "\r"]), (#"(?m:.)"#, "a\nb", ["a", "\n", "b"]), (#"\xE3\x81\x82"#, "あ", ["あ"]),
        (#"(?x: a b )"#, "ab", ["ab"]), (#"[\x41-\x43]+"#, "ABCD", ["ABC"]), (#"\x{1F600}"#, "😀", ["😀"]),
    ]) func sets(pattern: String, text: String, expected: [String]) throws {
        #expect(try matches(pattern, text) == expected)
    }

    @Test(arguments: [
        (#"(?<=a|bc)d"#, "adbcdd", ["d", "d"]), (#"(?<!ab)c"#, "abcc", ["c"]), (#"(?>a+)b"#, "aaab", ["aaab"]),
        (#"(a)\1"#, "aaab", ["aa"]), (#"(?<n>a)\k<n>"#, "aab", ["aa"]), (#"^a"#, "a\na", ["a", "a"]),
        (#"a$"#, "a\na\n", ["a", "a"]), (#".\Z"#, "a\nb\n", ["b"]), (#"\A."#, "a\nb", ["a"]), (#"a\Kb"#, "ab", ["b"]),
        (#"\s+(?!\S)|\s+"#, "a   b  ", ["  ", " ", "  "]),
    ]) func positions(pattern: String, text: String, expected: [String]) throws {
        #expect(try matches(pattern, text) == expected)
    }

    @Test(arguments: [
        "[", "(", ")", "*a", "a|*", "[a-z", "[z-a]", #"\p{Foo}"#, "(?<a", "(?P<n>a)", #"\X"#, #"\g<1>"#, "(?~a)",
        #"(?<=a+)d"#, "[a-\\d]", #"\"#, "a{3,2}", "a{99999}", #"\k<x>"#, "(?s).", #"\xE9"#,
        "((((((((((a{1000}){1000}){1000}){1000}))))))){1000}",
        String(repeating: "(", count: 200), "a" + String(repeating: "?", count: 60_000), "(?:){1000}{1000}{1000}",
        (0x4E00..<0x6188).map { "[a\\x{\(String($0, radix: 16))}]" }.joined(),
    ]) func refuses(pattern: String) {
        #expect(throws: TokenizerError.self) { try Pattern(regex: pattern) }
    }

    /// Each of these takes only a few steps from each place, but from each place to the end of the text.
    @Test(arguments: ["a*+b", "(?>a*)b", "a*b", "(?=a*+b)a"])
    func aPatternThatReadsTheWholeTextFromEachPlaceEndsWithAnError(_ pattern: String) throws {
        let text = String(repeating: "a", count: 200_000)
        let tokenizer = try Make.tokenizer([
            "pre_tokenizer": #"{"type":"Split","pattern":{"Regex":"\#(pattern)"},"behavior":"Isolated","invert":false}"#
        ])
        #expect(throws: TokenizerError.patternTooSlow(pattern)) { try tokenizer.encode(text) }
        #expect(try tokenizer.encode("aaab").ids.count > 0)
    }

    @Test(arguments: [
        (#".*\.(q|v)_proj"#, "model.layers.0.q_proj", true), (#".*\.(q|v)_proj"#, "model.layers.0.q_proj.x", false),
        ("(?P<layer>\\d+)\\.(?P=layer)", "11.11", true), ("(?P<layer>\\d+)\\.(?P=layer)", "11.12", false),
        (#"\(?P"#, "(P", true), ("a|ab", "ab", true), ("^a$", "a", true), ("(?i)A|B", "b", true),
    ])
    func aBoundedPatternMatchesTheWholeText(_ pattern: String, _ text: String, _ isMatch: Bool) throws {
        #expect(try BoundedPattern(pattern).matchesWhole(text) == isMatch)
    }

    @Test func theMessageOfALongPatternIsBounded() {
        let pattern = #"\p{"# + String(repeating: "long", count: 10_000) + "}"
        #expect { _ = try Pattern(regex: pattern) } throws: { "\($0)".utf8.count < 5000 }
    }

    @Test func aBoundedPatternCannotCloseTheGroupAroundIt() {
        #expect(throws: TokenizerError.self) { try BoundedPattern("a)|(?:b") }
    }

    @Test func aCatastrophicPatternEndsWithAnError() throws {
        let text = String(repeating: "a", count: 40) + "!"
        let tokenizer = try Make.tokenizer([
            "pre_tokenizer":
                #"{"type":"Split","pattern":{"Regex":"(?:a|a|aa)+$"},"behavior":"Isolated","invert":false}"#
        ])
        #expect(throws: TokenizerError.patternTooSlow("(?:a|a|aa)+$")) { try tokenizer.encode(text) }
    }
}
