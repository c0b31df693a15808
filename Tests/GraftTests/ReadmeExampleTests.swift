import Foundation
import Graft
import Testing

@Suite struct ReadmeExampleTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    @Test func theReadmeHoldsTheCodeThatIsTested() throws {
        let file = Self.root.appendingPathComponent("Tests/GraftTests/ReadmeExample.swift")
        let source = try String(contentsOf: file, encoding: .utf8)
        let code = try #require(
            source.components(separatedBy: "// README example begins\n").last?
                .components(separatedBy: "// README example ends").first)
        #expect(code.contains("TrainingRun"))
        let readme = try String(contentsOf: Self.root.appendingPathComponent("README.md"), encoding: .utf8)
        #expect(readme.contains("```swift\n\(code)```"))
    }

    @Test func theExampleTrainsAndItsAdapterLoads() async throws {
        let tiny = try TinyCheckpoint.bert()
        let output = tiny.path("run")
        try await fineTune(tiny.model.path, on: tiny.classificationRows(), to: output)

        let losses = try loggedSteps(output).map(\.loss)
        #expect(losses.count == 15)
        #expect(losses.allSatisfy { $0.isFinite && $0 > 0 })

        let base = try Backbones.load(tiny.model, head: .sequenceClassification(labels: 2))
        let adapter = try AdapterFolder.load(
            from: URL(fileURLWithPath: output), onto: base, named: "mine", checkpoint: tiny.model)
        #expect(base.model.activeAdapters == ["mine"])
        #expect(adapter.provenance.labels == ["fruit", "metal"])
        #expect(adapter.grafts.projections.count == 4)
    }
}
