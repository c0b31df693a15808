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
            deviation. `graft decompress` makes an ordinary adapter of it again. With --search, density and alpha are \
            those that serve best on the rows of --data: 5, 10, 20, 30 and 50 percent with alphas from 0.5 to 10.
            """)

    @Argument(help: "The adapter folder.", completion: .directory)
    var adapter: String
    @Option(help: "The folder to make.", completion: .directory)
    var output: String
    @Option(help: "The checkpoint folder; by default the base that the adapter names.", completion: .directory)
    var model: String?
    @Option(help: "The share of entries that are kept; 0.2 unless searched for.")
    var density: Double?
    @Option(help: "What the standard deviation is multiplied by; 1 unless searched for.")
    var alpha: Double?
    @Flag(help: "Find density and alpha, where they are not given, on the rows of --data.")
    var search = false
    @Option(help: "Labelled rows for --search, neither those of the training nor of the test.", completion: .file())
    var data: String?
    @Option(help: "Column of the text, for --search.")
    var textColumn: String?
    @Option(help: "Column of a second text, for --search.")
    var textPairColumn: String?
    @Option(help: "Column of the label, for --search.")
    var labelColumn: String?
    @Option(help: "Most tokens of an example, for --search.")
    var maxLength: Int?
    @Option(help: "Examples that run side by side, for --search.")
    var batchSize = 32
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

    func validate() throws {
        if search != (data != nil) { throw ValidationError("--search and --data need each other.") }
        if batchSize < 1 { throw ValidationError("--batch-size must be at least 1.") }
    }

    func run() async throws {
        try EngineSettings.apply(threads: nil, device: .cpu)
        var options = ComPEFT()
        (options.density, options.alpha) = (density ?? options.density, alpha ?? options.alpha)
        options.scope = try choice("scope", scope)
        options.sigma = try choice("sigma", sigma)
        options.codec = try choice("codec", codec)
        if let data {
            let found = try await found(on: data, options)
            (options.density, options.alpha) = (found.best.density, found.best.alpha)
            try Section.print([section(found)])
        }
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

    /// Measures the candidates.
    private func found(on file: String, _ options: ComPEFT) async throws -> CompressionSearch.Outcome {
        let folder = URL(fileURLWithPath: adapter)
        guard let base = try model ?? AdapterConfig(folder: AdapterFolder.locate(folder)).baseModel else {
            throw CompressionError.noBase(adapter: adapter)
        }
        var (search, rows) = (CompressionSearch(), DataOptions())
        search.options = options
        search.reference = try choice("lora-reference", loraReference)
        if let density { search.densities = [density] }
        if let alpha { search.alphas = [alpha] }
        (rows.textColumn, rows.textPairColumn) = (textColumn, textPairColumn)
        (rows.labelColumn, rows.maxLength) = (labelColumn, maxLength)
        return try await search.run(
            adapter: folder, base: URL(fileURLWithPath: base), on: URL(fileURLWithPath: file), data: rows,
            batchSize: batchSize)
    }

    private func section(_ found: CompressionSearch.Outcome) -> Section {
        func number(_ value: Double) -> String { Quantity.number(value, digits: 4) }
        var section = Section("Candidates on \(data ?? "")")
        section.add("uncompressed", "\(found.metric) \(number(found.uncompressed))")
        section.add(
            "best",
            "\(found.metric) \(number(found.best.value)) with density \(number(found.best.density)), alpha "
                + number(found.best.alpha))
        section.table = Table(
            head: ["density", "alpha", found.metric],
            rows: found.trials.map { [number($0.density), number($0.alpha), number($0.value)] },
            rightAligned: [0, 1, 2])
        return section
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
