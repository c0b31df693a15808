import JSON
import Testing

@testable import GraftCLI

@Suite struct ConfigurationSourcesTests {
    private func object(_ change: (inout ConfigurationSources) throws -> Void) throws -> JSON {
        var sources = ConfigurationSources()
        try change(&sources)
        return .object(sources.object)
    }

    @Test func laterSourcesWin() throws {
        let found = try object { sources in
            try sources.set("seed", to: 1)
            try sources.add(assignment: "seed=2")
            try sources.add(assignment: "model=a=b")
        }
        #expect(found == ["seed": 2, "model": "a=b"])
    }

    @Test func methodOptionsAreSetWhereTheyStand() throws {
        let found = try object { sources in
            try sources.set("method", to: ["name": "lora", "r": 8])
            try sources.add(assignment: "r=16")
            try sources.add(assignment: "method.use_dora=true")
            try sources.set("rank", to: 32)
            try sources.add(assignment: "method=lora")
        }
        #expect(found == ["method": ["name": "lora", "r": 32, "use_dora": true]])
        let flat = try object { sources in
            try sources.set("method", to: "lora")
            try sources.set("rank", to: 4)
            try sources.add(assignment: "method.r=2")
        }
        #expect(flat == ["method": "lora", "r": 2])
    }

    @Test func valuesAreReadAsInAFile() throws {
        let found = try object { sources in
            try sources.add(assignment: "target_modules=[q_proj, v_proj]")
            try sources.add(assignment: "eval_strategy=no")
            try sources.add(assignment: "learning_rate=1e-3")
        }
        #expect(found == ["target_modules": ["q_proj", "v_proj"], "eval_strategy": "no", "learning_rate": 0.001])
    }

    @Test(arguments: ["seed", "=1", "data.x=1", "seed=[1"])
    func faultyAssignmentsAreErrors(_ text: String) {
        #expect(throws: (any Error).self) { try object { try $0.add(assignment: text) } }
    }
}

@Suite struct OutputTests {
    @Test func controlCharactersOfFilesAreEscaped() {
        #expect("a\u{1B}[2Jb\nc\u{202E}d".oneLine == "a\\u{1b}[2Jb\\u{a}c\\u{202e}d")
        #expect("größe → 猫".oneLine == "größe → 猫")
    }

    @Test func columnsAreAsWideAsTheirWidestCell() {
        let table = Table(head: ["A", "B"], rows: [["xx", "1"], ["y", "10"], ["z"]], rightAligned: [1])
        #expect(table.lines == ["A    B", "xx   1", "y   10", "z"])
    }
}
