import Foundation
import Methods
import Reporting
import Testing

@testable import Training

@Suite("A comparison's plans")
struct MethodComparisonTests {
    private func recipe(_ name: String) -> MethodComparison.Recipe {
        MethodComparison.Recipe(
            name: name,
            configuration: .success(
                TrainingConfiguration(model: "m", data: "d", task: .classification, outputDirectory: "o")))
    }

    private func comparison(_ names: [String], budget: ComparisonBudget = ComparisonBudget()) throws {
        let root = FileManager.default.temporaryDirectory.appendingPathComponent("graft-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: root) }
        let output = root.appendingPathComponent("out").path
        _ = try MethodComparison(
            names.map(recipe), budget: budget, output: output, program: URL(fileURLWithPath: "/nonexistent"))
        #expect(!FileManager.default.fileExists(atPath: output))
    }

    @Test(
        "a name that leaves the folder of runs, or that two have, is refused", arguments: ["", ".", "..", "a/../../b"])
    func names(_ name: String) throws {
        try comparison(["a", "b"])
        #expect(throws: TrainingError.self) { try comparison(["a", name]) }
        #expect(throws: TrainingError.self) { try comparison(["lora", "LoRA"]) }
        #expect(throws: TrainingError.self) { try comparison([]) }
    }

    @Test("a budget that cannot be is refused")
    func budgets() throws {
        func budget(_ set: (inout ComparisonBudget) -> Void) -> ComparisonBudget {
            var budget = ComparisonBudget()
            set(&budget)
            return budget
        }
        for wrong in [
            budget { $0.steps = 0 }, budget { $0.seconds = .nan }, budget { $0.seconds = .infinity },
            budget { ($0.steps, $0.seconds) = (1, 1) }, budget { $0.memoryBytes = 0 },
            budget { $0.trainableParameters = -1 },
        ] {
            #expect(throws: TrainingError.self) { try comparison(["a"], budget: wrong) }
        }
    }

    @Test("the digest of settings follows what decides the result, and not where it lies")
    func identity() throws {
        let root = FileManager.default.temporaryDirectory.appendingPathComponent("graft-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: root) }
        func write(_ text: String, _ path: String) throws -> String {
            let url = root.appendingPathComponent(path)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: url)
            return url.path
        }
        func settings(_ model: String, _ rows: String, _ change: (inout TrainingConfiguration) -> Void = { _ in })
            throws
            -> String
        {
            var configuration = TrainingConfiguration(
                model: root.appendingPathComponent(model).path, data: rows, task: .classification, outputDirectory: "o")
            change(&configuration)
            var known: [String: String] = [:]
            return try #require(try ComparisonIdentity(configuration, further: "", known: &known).settings)
        }
        _ = try write("{}", "one/config.json")
        _ = try write("{}", "two/config.json")
        let (rows, copy) = (try write("a", "rows.jsonl"), try write("a", "copy.jsonl"))
        let base = try settings("one", rows)
        #expect(try settings("two", copy) == base)
        #expect(try settings("one", rows) { $0.outputDirectory = "elsewhere" } == base)
        #expect(try settings("one", rows) { $0.training.seed = 1 } != base)
        var other = LoRA()
        other.r = 3
        #expect(try settings("one", rows) { $0.method = other } != base)
        #expect(try settings("one", rows) { $0.data.testFile = copy } != base)
        _ = try write("b", "rows.jsonl")
        #expect(try settings("one", rows) != base)
        _ = try write("weights", "two/model.safetensors")
        #expect(try settings("two", copy) != base)
    }
}
