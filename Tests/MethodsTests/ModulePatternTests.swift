import Networks
import Testing
import Torch

@testable import Methods

@Suite struct ModulePatternTests {
    private func targets(_ pattern: String) throws -> [String] {
        var method = LoRA()
        method.targetModules = .pattern(pattern)
        return try method.grafts(for: LinearPair.model(), key: .init(seed: 1)).projections.keys.sorted()
    }

    @Test func aPatternMatchesWholePaths() throws {
        #expect(try targets("f.*|.*nd") == ["first", "second"])
        #expect(try targets("(?!first).*") == ["second"])
        #expect(try targets("(?P<name>first)") == ["first"])
        #expect(throws: MethodError.self) { try targets("firs") }
        #expect(throws: MethodError.self) { try targets("first)|(second") }
    }

    /// Swift's own expressions would try every way to cut a path into pieces, and Python's do.
    @Test func aPatternThatBacktracksWithoutEndIsRefused() throws {
        let path = String(repeating: "a", count: 60)
        let pattern = try ModulePattern("((a|aa)+)+b", option: "target_modules")
        #expect {
            _ = try pattern.matchesWhole(path)
        } throws: {
            "\($0)".hasPrefix("target_modules: `((a|aa)+)+b` takes too many steps")
        }
    }
}
