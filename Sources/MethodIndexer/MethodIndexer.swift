import Foundation

/// `MethodIndexer OUTPUT SOURCE…`: writes the Swift file that lists the methods declared in the sources.
@main
struct MethodIndexer {
    static func main() throws {
        let paths = Array(CommandLine.arguments.dropFirst())
        guard let output = paths.first else {
            FileHandle.standardError.write(Data("usage: MethodIndexer OUTPUT SOURCE…\n".utf8))
            exit(64)
        }
        let methods = try paths.dropFirst().flatMap { path in
            try MethodDeclarations.types(in: String(contentsOfFile: path, encoding: .utf8))
        }
        try Data(source(listing: methods.sorted()).utf8).write(to: URL(fileURLWithPath: output))
    }

    static func source(listing types: [String]) -> String {
        let lines = types.map { "        \($0).self,\n" }.joined()
        return """
            // Generated from the sources of this target; not to be edited.

            enum MethodIndex {
                static let types: [any Method.Type] = [
            \(lines)    ]
            }

            """
    }
}
