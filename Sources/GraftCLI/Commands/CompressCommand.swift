import Adapters
import ArgumentParser
import Foundation
import Reporting
import Training

/// `graft compress`: an adapter as signs and one number.
struct CompressCommand: GraftCommand {
    static let configuration = CommandConfiguration(
        commandName: "compress", abstract: "Compress an adapter to the signs of its largest changes (ComPEFT).",
        discussion: """
            Keeps the signs of the largest entries of the update and one magnitude for all, alpha times their standard \
            deviation. `graft decompress` makes an ordinary adapter of it again.
            """)

    @Argument(help: "The adapter folder.", completion: .directory)
    var adapter: String
    @Option(help: "The folder to make.", completion: .directory)
    var output: String
    @Option(help: "The checkpoint folder; by default the base that the adapter names.", completion: .directory)
    var model: String?
    @Option(help: "The share of entries that are kept.")
    var density = 0.2
    @Option(help: "What the standard deviation is multiplied by.")
    var alpha = 1.0
    @Option(help: ArgumentHelp("What has one threshold and magnitude.", valueName: "global|tensor"))
    var scope = "global"
    @Option(help: ArgumentHelp("The standard deviation.", valueName: "population|sample"))
    var sigma = "population"
    @Option(help: ArgumentHelp("How signs are stored.", valueName: "rice|masks"))
    var codec = "rice"
    @Option(
        help: ArgumentHelp(
            "What the update is taken from: the start, drawn again from the recorded seed, or zeros.",
            valueName: "init|zero"))
    var loraReference = "init"

    @OptionGroup var common: CommonOptions

    func run() async throws {
        try EngineSettings.apply(threads: nil, device: .cpu)
        var options = ComPEFT()
        (options.density, options.alpha) = (density, alpha)
        options.scope = try choice("scope", scope)
        options.sigma = try choice("sigma", sigma)
        options.codec = try choice("codec", codec)
        let report = try CompressedAdapter.compress(
            URL(fileURLWithPath: adapter), base: model.map { URL(fileURLWithPath: $0) },
            to: URL(fileURLWithPath: output), options: options,
            reference: choice("lora-reference", loraReference))
        var section = Section("Compressed into \(output)")
        section.add(
            "entries", "\(Quantity.count(report.entries)), \(Quantity.count(report.nonzeros)) keep their sign")
        section.add(
            "magnitude", report.scales.prefix(4).map { Quantity.number(Double($0), digits: 4) }.joined(separator: " "))
        section.add(
            "codes",
            "\(Quantity.count(report.codeBits)) bits; \(Quantity.number(report.entropyBits, digits: 6)) at best")
        section.add(
            "bytes",
            "\(Quantity.count(report.bytesBefore)) before, \(Quantity.count(report.bytesAfter)) now, "
                + "\(Quantity.number(Double(report.bytesBefore) / Double(max(1, report.bytesAfter)), digits: 3)) times less"
        )
        try Section.print([section])
    }

    private func choice<Value: RawRepresentable & CaseIterable>(_ name: String, _ text: String) throws -> Value
    where Value.RawValue == String {
        guard let value = Value(rawValue: text) else {
            throw CompressionError.option(
                "--\(name) must be one of \(Value.allCases.map(\.rawValue).joined(separator: ", ")), found `\(text)`")
        }
        return value
    }
}

/// `graft decompress`: the ordinary adapter of a compressed one.
struct DecompressCommand: GraftCommand {
    static let configuration = CommandConfiguration(
        commandName: "decompress", abstract: "Make an ordinary adapter of a compressed one.")

    @Argument(help: "The folder that `graft compress` made.", completion: .directory)
    var adapter: String
    @Option(help: "The folder to make.", completion: .directory)
    var output: String
    @Option(help: "The checkpoint folder; by default the base that the adapter names.", completion: .directory)
    var model: String?

    @OptionGroup var common: CommonOptions

    func run() async throws {
        try EngineSettings.apply(threads: nil, device: .cpu)
        try CompressedAdapter.decompress(
            URL(fileURLWithPath: adapter), base: model.map { URL(fileURLWithPath: $0) },
            to: URL(fileURLWithPath: output))
        try Console.print("Written to \(output)")
    }
}
