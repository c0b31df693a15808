import JSON
import Testing

@testable import YAML

@Suite struct YAMLTests {
    private func value(_ text: String) throws -> JSON { try YAMLDocument.value(of: text, source: "x.yaml") }

    @Test(arguments: [
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("1_000", "1_000"), ("2024-01-01", "2024-01-01"), ("1:30", "1:30"),
        ("nan", "nan"), ("infinity", "infinity"), ("0x", "0x"), ("'12'", "12"), ("\"true\"", "true"),
        ("!!str 12", "12"),
        (".*\\.(q|v)_proj", ".*\\.(q|v)_proj"), ("1.2.3", "1.2.3"), ("+-1", "+-1"),
    ])
    func textsStayTexts(_ text: String, _ expected: String) throws {
        #expect(try value("k: " + text) == ["k": .string(expected)])
    }

    @Test(arguments: [
        ("8", JSON.int(8)), ("-3", .int(-3)), ("+5", .int(5)), ("007", .int(7)), ("0x1F", .int(31)), ("0o17", .int(15)),
        ("1e-3", .double(0.001)), ("2.", .double(2)), (".5", .double(0.5)), ("-.inf", .double(-.infinity)),
        ("99999999999999999999", .double(1e20)), ("true", .bool(true)), ("False", .bool(false)), ("~", .null),
        ("", .null),
    ])
    func scalarsFollowTheCoreSchema(_ text: String, _ expected: JSON) throws {
        #expect(try value("k: " + text) == ["k": expected])
    }

    @Test func jsonIsYAML() throws {
        let json: JSON = ["a": [1, 2.5, "x\n\"y", nil, true], "b": ["c": [:], "d": []]]
        #expect(try value(json.serialized(.pretty)) == json)
    }

    @Test func faultsNameTheLine() {
        #expect(throws: YAMLError.self) { try value("a: [1") }
        let faults = [
            ("a: 1\nb: 2\na: 3\n", "duplicate key `a`"), ("a: 1\nb: c: d\n", "line 2"),
            ("? [a]\n: b\n", "a key must be"),
            ("a: !!binary x\n", "type"), ("a: 1\n---\nb: 2\n", "another document"), ("a: \u{1}\n", "line 1"),
        ]
        for (text, part) in faults {
            do {
                _ = try value(text)
                Issue.record("\(text) was read")
            } catch {
                #expect("\(error)".hasPrefix("x.yaml: line "), "\(error)")
                #expect("\(error)".contains(part), "\(error)")
            }
        }
    }

    @Test func anchorsAndAliasesAreRefusedBeforeTheyExpand() {
        let bomb = (1...40).reduce("a0: &a0 [x]\n") { $0 + "a\($1): &a\($1) [*a\($1 - 1), *a\($1 - 1)]\n" }
        for text in [bomb, "a: &x 1\n", "a: [*x]\n", "- *x\n", "*x : 1\n", "{a: 1, b: *x}\n"] {
            #expect(throws: YAMLError.self) { try value(text) }
        }
    }

    @Test(arguments: ["'*x'", "\"a \\\" *x\"", "a *b", "a&b", "x # *y", "'it''s *x'", "5 * 3"])
    func starsInsideTextsAreNoAliases(_ text: String) throws {
        _ = try value("k: " + text)
    }

    @Test func deepNestingIsAnErrorAndNoCrash() {
        for text in [String(repeating: "[", count: 100_000), String(repeating: "- ", count: 30_000) + "x"] {
            #expect(throws: YAMLError.self) { try value(text) }
        }
        let deep = String(repeating: "[", count: 100) + String(repeating: "]", count: 100)
        #expect(throws: YAMLError.self) { try value(deep) }
    }
}
