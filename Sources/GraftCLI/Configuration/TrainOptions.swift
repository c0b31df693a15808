import ArgumentParser
import JSON

/// The keys of a configuration that have an option of their own.
struct TrainOptions: ParsableArguments {
    @Option(help: "The checkpoint folder.", completion: .directory)
    var model: String?
    @Option(help: "Rows to learn from: JSON Lines, CSV, TSV or text; safetensors for images.", completion: .file())
    var data: String?
    @Option(help: "Rows to evaluate on while training.", completion: .file())
    var validation: String?
    @Option(help: "Rows to evaluate on at the end.", completion: .file())
    var test: String?
    @Option(
        help: ArgumentHelp(
            "What to learn.", valueName: "classification|causal-lm|seq2seq|image-classification|preference"))
    var task: String?
    @Option(help: "The fine-tuning method.")
    var method: String?
    @Option(help: "Rank of the method.")
    var rank: Int?
    @Option(help: "Alpha of the method.")
    var alpha: Double?
    @Option(help: "Modules to adapt: names with commas between, a regular expression, or all-linear.")
    var targetModules: String?
    @Option(help: "Folder for what the run leaves.", completion: .directory)
    var output: String?
    @Option(help: "Column of the text.")
    var textColumn: String?
    @Option(help: "Column of the label.")
    var labelColumn: String?
    @Option(help: "Most tokens of an example.")
    var maxLength: Int?
    @Option(help: "Passes over the training rows.")
    var epochs: Double?
    @Option(help: "Steps after which the training ends, whatever the epochs.")
    var maxSteps: Int?
    @Option(help: "Examples of a batch.")
    var batchSize: Int?
    @Option(help: "Batches of an optimizer step.")
    var accumulation: Int?
    @Option(help: "The highest learning rate.")
    var learningRate: Double?
    @Option(help: "Part of the steps in which the learning rate rises.")
    var warmupRatio: Double?
    @Option(help: "The root of all random draws.")
    var seed: Int?
    @Option(help: ArgumentHelp("What happens when the numbers go wrong.", valueName: "stop|skip|rewind"))
    var onNonfinite: String?
    @Option(help: ArgumentHelp("The most memory, as 900MiB or 2GB.", valueName: "bytes"))
    var memoryLimit: BytesArgument?
    @Flag(help: "Run blocks again in the backward instead of keeping what they made: less memory, more time.")
    var gradientCheckpointing = false
    @Option(help: "cpu, cuda or cuda:<index>.")
    var device: String?
    @Option(help: "Threads of one operation.")
    var threads: Int?

    /// The options that were given, under the names of their keys.
    var settings: [(key: String, value: JSON)] {
        let texts = [
            ("model", model), ("train_file", data), ("validation_file", validation), ("test_file", test),
            ("task", task),
            ("method", method), ("output_dir", output), ("text_column", textColumn), ("label_column", labelColumn),
            ("device", device), ("on_nonfinite", onNonfinite),
        ]
        let integers = [
            ("r", rank), ("max_length", maxLength), ("max_steps", maxSteps), ("per_device_train_batch_size", batchSize),
            ("gradient_accumulation_steps", accumulation), ("seed", seed), ("threads", threads),
            ("memory_limit", memoryLimit?.value),
        ]
        let numbers = [
            ("lora_alpha", alpha), ("num_train_epochs", epochs), ("learning_rate", learningRate),
            ("warmup_ratio", warmupRatio),
        ]
        var settings: [(key: String, value: JSON)] = []
        settings += texts.compactMap { key, value in value.map { (key, .string($0)) } }
        settings += integers.compactMap { key, value in value.map { (key, .int(Int64($0))) } }
        settings += numbers.compactMap { key, value in value.map { (key, .double($0)) } }
        if gradientCheckpointing { settings.append(("gradient_checkpointing", .bool(true))) }
        if let targetModules { settings.append(("target_modules", TrainOptions.modules(targetModules))) }
        return settings
    }

    /// Names, unless the text has characters that only regular expressions have; a dot belongs to paths.
    private static func modules(_ text: String) -> JSON {
        let isExpression = text.contains { "()[]{}|*+?\\^$".contains($0) }
        if isExpression || text.lowercased() == "all-linear" { return .string(text) }
        return .array(text.split(separator: ",").map { .string($0.trimmingCharacters(in: .whitespaces)) })
    }
}
