import Foundation
import Testing

@testable import GraftCLI

/// The recipes that come with the product.
@Suite struct RecipeTests {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("recipes")

    static let names = (FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? [])
        .filter { $0.hasSuffix(".yaml") }.sorted()

    @Test(arguments: names)
    func everyRecipeReads(_ name: String) throws {
        var sources = ConfigurationSources()
        try sources.add(file: Self.folder.appendingPathComponent(name))
        // An unknown method, key or option throws.
        let configurations =
            try sources.areSeveral ? sources.sideBySide().adapters.map(\.configuration) : [sources.configuration()]
        #expect(!configurations.isEmpty && configurations.allSatisfy { !$0.data.trainFile.isEmpty })
    }

    @Test func thereAreRecipes() {
        #expect(Self.names.contains("lora.yaml"))
    }
}
