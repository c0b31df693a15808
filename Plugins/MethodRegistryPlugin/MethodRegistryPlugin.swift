import Foundation
import PackagePlugin

/// Writes the list of methods for the target that declares them, from its sources.
@main
struct MethodRegistryPlugin: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: Target) throws -> [Command] {
        guard let target = target as? SwiftSourceModuleTarget else { return [] }
        let output = context.pluginWorkDirectoryURL.appendingPathComponent("MethodIndex.swift")
        let inputs = target.sourceFiles(withSuffix: ".swift").map(\.url).sorted { $0.path < $1.path }
        return [
            .buildCommand(
                displayName: "Listing the methods", executable: try context.tool(named: "MethodIndexer").url,
                arguments: [output.path] + inputs.map(\.path), inputFiles: inputs, outputFiles: [output])
        ]
    }
}
