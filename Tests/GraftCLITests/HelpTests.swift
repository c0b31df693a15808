import Foundation
import Support
import Testing

@Suite struct HelpTests {
    static let commands = [
        "", "train", "compare", "eval", "predict", "generate", "merge", "export", "compress", "decompress", "localize",
        "patch", "inspect", "methods", "doctor", "verify",
    ]

    /// Set GRAFT_RECORD_SNAPSHOTS to write the texts anew.
    @Test(arguments: commands)
    func helpIsAsRecorded(_ command: String) throws {
        let outcome = try Program.run((command.isEmpty ? [] : [command]) + ["--help"])
        #expect(outcome.status == 0)
        let name = command.isEmpty ? "graft" : command
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Snapshots/\(name).txt")
        if ProcessInfo.processInfo.environment["GRAFT_RECORD_SNAPSHOTS"] != nil {
            try Data(outcome.output.utf8).write(to: file)
        }
        #expect(outcome.output == String(decoding: try Data(contentsOf: file), as: UTF8.self))
    }

    @Test func noArgumentsShowTheHelp() throws {
        let outcome = try Program.run([])
        #expect(outcome.output.contains("USAGE: graft <subcommand>"))
    }

    @Test func theVersionIsThePackages() throws {
        #expect(try Program.run(["--version"]).output == GraftVersion.current + "\n")
    }

    @Test(arguments: [
        ["inspekt", "x"], ["verify", "--cses", "x"], ["train", "--rank", "eight"],
        ["train", "--resume", "--overwrite"],
        ["predict", "--model", "x"], ["generate", "--model", "x", "--prompt", "a", "--prompts", "b"],
        ["export", "--adapter", "a", "--output", "b", "--format", "gguf"], ["inspect"],
        ["export", "--adapter", "a", "--output", "b", "--as-lora"],
        ["export", "--adapter", "a", "--output", "b", "--rank", "2"],
        ["export", "--adapter", "a", "--output", "b", "--as-lora", "--rank", "0"],
    ])
    func faultyArgumentsEndWithTheStatusOfUsage(_ arguments: [String]) throws {
        let outcome = try Program.run(arguments)
        #expect(outcome.status == 64)
        #expect(outcome.output.isEmpty)
        #expect(outcome.errors.contains("Error: "))
    }

    @Test func aMisspeltOptionNamesTheNearest() throws {
        #expect(try Program.run(["train", "--learning-rat", "1"]).errors.contains("'--learning-rate'"))
    }
}
