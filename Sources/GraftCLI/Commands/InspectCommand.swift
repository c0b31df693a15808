import ArgumentParser
import Foundation

/// `graft inspect`: what a file or folder is, and what is in it.
struct InspectCommand: GraftCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Explain a model, adapter or run folder, or a file, without loading weights.",
        discussion: """
            Understands checkpoint folders, adapter folders, run folders with their checkpoints, golden cases, \
            safetensors files and tokenizer.json.
            """)

    @Argument(help: "The folder or file.", completion: .file())
    var path: String

    @OptionGroup var common: CommonOptions

    func run() async throws {
        try Section.print(Inspection.sections(of: URL(fileURLWithPath: path)))
    }
}
