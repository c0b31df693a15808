import JSON

/// One line of `metrics.jsonl`.
///
/// Keys are those of Hugging Face's trainer where it has the value: `step`, `epoch`, `loss`, `grad_norm`,
/// `learning_rate`, `eval_loss`, `eval_accuracy`, `eval_runtime`. A number that is not finite is `null`.
enum LogRecord: Hashable {
    case step(StepRecord)
    case evaluation(EvaluationRecord)
    case checkpoint(CheckpointRecord)
    case warning(RunWarning)

    /// The optimizer step that the record belongs to.
    var step: Int {
        switch self {
        case .step(let record): record.step
        case .evaluation(let record): record.step
        case .checkpoint(let record): record.step
        case .warning(let warning): warning.step
        }
    }

    /// The record's bytes with the newline.
    var line: [UInt8] { JSON.object(members).serializedBytes() + [UInt8(ascii: "\n")] }

    private var members: JSON.Object {
        switch self {
        case .step(let record): record.members
        case .evaluation(let record): record.members
        case .checkpoint(let record):
            [
                "step": JSON(record.step), "checkpoint": .string(record.path), "bytes": JSON(record.bytes),
                "seconds": JSON(finite: record.seconds),
            ]
        case .warning(let warning):
            ["step": JSON(warning.step), "warning": .string(warning.code), "message": .string(warning.message)]
        }
    }

    /// More steps than a run can take; a larger number is a fault of the file.
    private static let mostSteps = 1 << 40

    /// Reads a line.
    ///
    /// - Throws: `JSONError`.
    init(line bytes: [UInt8]) throws {
        let node = JSON.Node(try JSON.parse(bytes))
        let step = try node.field("step").int(in: 0...Self.mostSteps)
        if let code = try node.optional("warning") {
            self = .warning(
                RunWarning(code: try code.string(), message: try node.field("message").string(), step: step))
        } else if let path = try node.optional("checkpoint") {
            self = .checkpoint(
                CheckpointRecord(
                    path: try path.string(), step: step, bytes: try node.field("bytes").count(),
                    seconds: try node.field("seconds").finiteOrNaN()))
        } else if try node.object()["learning_rate"] != nil {
            self = .step(try StepRecord(node, step: step))
        } else {
            self = .evaluation(try EvaluationRecord(node, step: step))
        }
    }
}

extension StepRecord {
    fileprivate var members: JSON.Object {
        var members: JSON.Object = [
            "step": JSON(step), "epoch": JSON(finite: epoch), "loss": JSON(finite: loss),
        ]
        if let gradientNorm { members["grad_norm"] = JSON(finite: gradientNorm) }
        if let penalty { members["penalty"] = JSON(finite: penalty) }
        members["learning_rate"] = JSON(finite: learningRate)
        members["tokens"] = JSON(tokens)
        members["labelled_tokens"] = JSON(labelledTokens)
        if let paddingTokens { members["padding_tokens"] = JSON(paddingTokens) }
        members["examples"] = JSON(examples)
        members["seconds"] = JSON(finite: seconds)
        members["memory_bytes"] = JSON(memoryBytes)
        return members
    }

    fileprivate init(_ node: JSON.Node, step: Int) throws {
        let hasNorm = try node.object()["grad_norm"] != nil
        let hasPenalty = try node.object()["penalty"] != nil
        self.init(
            step: step, epoch: try node.field("epoch").finiteOrNaN(), loss: try node.field("loss").finiteOrNaN(),
            gradientNorm: hasNorm ? try node.field("grad_norm").finiteOrNaN() : nil,
            penalty: hasPenalty ? try node.field("penalty").finiteOrNaN() : nil,
            learningRate: try node.field("learning_rate").finiteOrNaN(), tokens: try node.field("tokens").count(),
            labelledTokens: try node.field("labelled_tokens").count(),
            paddingTokens: try node.optional("padding_tokens")?.count(),
            examples: try node.field("examples").count(), seconds: try node.field("seconds").finiteOrNaN(),
            memoryBytes: try node.field("memory_bytes").count())
    }
}

extension EvaluationRecord {
    private static let secondsSuffix = "_runtime"

    fileprivate var members: JSON.Object {
        var members: JSON.Object = ["step": JSON(step), "epoch": JSON(finite: epoch)]
        for metric in metrics { members["\(split)_\(metric.name)"] = JSON(finite: metric.value) }
        members[split + Self.secondsSuffix] = JSON(finite: seconds)
        if isBest { members["best"] = true }
        return members
    }

    /// The split's name is what stands before `_runtime`; its metrics are the other keys that begin with it.
    fileprivate init(_ node: JSON.Node, step: Int) throws {
        let members = try node.members()
        guard let runtime = members.last(where: { $0.key.hasSuffix(Self.secondsSuffix) }) else {
            throw node.mismatch("a step, an evaluation, a checkpoint or a warning")
        }
        let split = String(runtime.key.dropLast(Self.secondsSuffix.count))
        var metrics = MetricValues()
        for (key, value) in members where key.hasPrefix(split + "_") && key != runtime.key {
            metrics[String(key.dropFirst(split.count + 1))] = try value.finiteOrNaN()
        }
        self.init(
            step: step, epoch: try node.field("epoch").finiteOrNaN(), split: split, metrics: metrics,
            seconds: try runtime.node.finiteOrNaN(), isBest: try node.optional("best")?.bool() ?? false)
    }
}
