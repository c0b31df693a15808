import Adapters
import ArgumentParser
import Foundation
import Reporting
import Torch
import Training

/// `graft localize`: the few weights that hold a fine-tuned classifier's skill.
struct LocalizeCommand: GraftCommand {
    static let configuration = CommandConfiguration(
        commandName: "localize", abstract: "Find the few weights that hold a fine-tuned classifier's skill.",
        discussion: """
            Learns which weights to take from the fine-tuned checkpoint into the one it came from, and writes their \
            places and values. `graft patch` applies them.
            """)

    @Option(help: "The checkpoint before fine-tuning.", completion: .directory)
    var pre: String
    @Option(help: "The fine-tuned checkpoint.", completion: .directory)
    var fine: String
    @Option(help: "Rows to learn the mask from.", completion: .file())
    var data: String
    @Option(help: "Rows to choose the best mask by.", completion: .file())
    var validation: String?
    @Option(help: "The file to write.", completion: .file())
    var output: String
    @Option(help: "Share of the weights in the first patch, those that moved most.")
    var sparsity = 1e-5
    @Option(help: "A safetensors file of masks or probabilities by parameter name, in place of the first patch.")
    var mask: String?
    @Option(help: "Steps on the mask.")
    var epochs = 10
    @Option(help: "Batches of a step.")
    var batches = 128
    @Option(help: "Rows of a batch.")
    var batchSize = 8
    @Option(help: "The step on the mask's scores.")
    var learningRate = 1e7
    @Option(help: "How far a score is from flipping its bit.")
    var sigmoidBias = 10.0
    @Option(help: "The first layer that may be grafted.")
    var fixLayers = 0
    @Flag(inversion: .prefixedNo, help: "Leave the embeddings as they are.")
    var fixEmbeddings = true
    @Flag(inversion: .prefixedNo, help: "Leave the head as it is.")
    var fixHead = true
    @Flag(help: "Graft biases only.")
    var onlyBiases = false
    @Option(help: ArgumentHelp("Where all other weights come from.", valueName: "pre|fine"))
    var othersFrom = "pre"
    @Option(help: "Column of the text.")
    var textColumn: String?
    @Option(help: "Column of the label.")
    var labelColumn: String?
    @Option(help: "Most tokens of an example.")
    var maxLength: Int?
    @Option(help: "The root of all random draws.")
    var seed = 42

    @OptionGroup var common: CommonOptions

    func run() async throws {
        try EngineSettings.apply(threads: nil, device: .cpu)
        guard let others = LocalizationOptions.Others(rawValue: othersFrom) else {
            throw LocalizationError.option("--others-from must be pre or fine, found `\(othersFrom)`")
        }
        var options = LocalizationOptions()
        (options.sparsity, options.sigmoidBias, options.learningRate) = (sparsity, sigmoidBias, learningRate)
        (options.epochs, options.batches, options.batchSize) = (epochs, batches, batchSize)
        (options.fixLayers, options.fixEmbeddings, options.fixHead) = (fixLayers, fixEmbeddings, fixHead)
        (options.onlyBiases, options.othersFrom, options.seed) = (onlyBiases, others, seed)
        var rows = DataOptions()
        (rows.trainFile, rows.validationFile) = (data, validation)
        (rows.textColumn, rows.labelColumn, rows.maxLength) = (textColumn, labelColumn, maxLength)

        let base = URL(fileURLWithPath: pre)
        let localization = try await SkillLocalization(
            pre: base, fine: URL(fileURLWithPath: fine), data: rows, options: options)
        let outcome = try localization.run(patch: mask.map(patch)) { epoch in
            let judged = epoch.validationAccuracy.map { ", validation \(Quantity.number($0, digits: 4))" } ?? ""
            try Console.print(
                "epoch \(epoch.number): loss \(Quantity.number(epoch.loss, digits: 4)), accuracy "
                    + "\(Quantity.number(epoch.trainAccuracy, digits: 4))\(judged), \(epoch.size) weights")
        }
        try outcome.difference.write(to: URL(fileURLWithPath: output), base: base)
        var section = Section("Located in \(output)")
        section.add(
            "weights",
            "\(Quantity.count(outcome.size)) of \(Quantity.count(outcome.graftable)), from epoch \(outcome.bestEpoch)")
        for (name, value) in [
            ("accuracy before", outcome.accuracies.pre), ("grafted", outcome.accuracies.grafted),
            ("fine-tuned", outcome.accuracies.fine),
        ] { section.add(name, Quantity.number(value, digits: 4)) }
        try Section.print([section])
    }

    private func patch(_ path: String) throws -> [String: Tensor] {
        let file = try SafetensorsFile(URL(fileURLWithPath: path))
        return Dictionary(try file.names.map { ($0, try file.tensor($0)) }, uniquingKeysWith: { first, _ in first })
    }
}

/// `graft patch`: a checkpoint with a skill's weights in it.
struct PatchCommand: GraftCommand {
    static let configuration = CommandConfiguration(
        commandName: "patch", abstract: "Put the weights that graft localize found into their checkpoint.")

    @Argument(help: "The file that `graft localize` wrote.", completion: .file())
    var difference: String
    @Option(help: "The checkpoint before fine-tuning.", completion: .directory)
    var model: String
    @Option(help: "The folder to make.", completion: .directory)
    var output: String

    @OptionGroup var common: CommonOptions

    func run() async throws {
        try EngineSettings.apply(threads: nil, device: .cpu)
        let base = URL(fileURLWithPath: model)
        try SparseDifference(contentsOf: URL(fileURLWithPath: difference), base: base)
            .apply(to: base, writing: URL(fileURLWithPath: output))
        try Console.print("Written to \(output)")
    }
}
