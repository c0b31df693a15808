import Datasets
import Methods
import Networks
import Torch

/// Training examples for a method that looks at them before it starts: those that the first epoch begins with.
struct TrainingCalibration: CalibrationSource {
    let model: Model
    let loader: BatchLoader
    let objective: any Objective
    let device: Device
    let arguments: TrainingArguments

    var exampleCount: Int { loader.dataset.examples.count }
    var epochs: Double { arguments.numTrainEpochs }
    var learningRate: Double { arguments.learningRate }
    var warmupRatio: Double { arguments.warmupRatio }

    func observeInputs(
        of projections: [Projection], samples: Int, _ visit: (_ sample: Int, Projection, Tensor) throws -> Void
    ) throws {
        let watched = Set(projections.map(ObjectIdentifier.init))
        try withoutGradients {
            for (sample, example) in try examples(samples).enumerated() {
                let batch = try batch([example])
                // The observer outlives no forward; `visit` need not escape for that.
                try withoutActuallyEscaping(visit) { visit in
                    let context = ForwardContext()
                    context.observer = { projection, input in
                        if watched.contains(ObjectIdentifier(projection)) { try visit(sample, projection, input) }
                    }
                    _ = try model(batch.modelInput(on: device), context)
                    context.observer = nil
                }
            }
        }
    }

    func classes(samples: Int) throws -> [Int] {
        try examples(samples).compactMap { index in
            if case .classIndex(let number) = loader.dataset.examples[index].target { Int(number) } else { nil }
        }
    }

    func weightGradients(
        of projections: [Projection], samples: Int, batchSize: Int,
        _ visit: (_ batch: Int, Projection, Tensor) throws -> Void
    ) throws {
        guard batchSize > 0 else { throw TrainingError.option("calibration: the batch size must be at least 1") }
        let examples = try examples(samples)
        let key = RandomKey(seed: arguments.seed).derived("calibration")
        for (index, start) in stride(from: 0, to: examples.count, by: batchSize).enumerated() {
            let rows = Array(examples[start..<min(start + batchSize, examples.count)])
            let context = ForwardContext(isTraining: true, key: key.derived(index), scoresOnly: true)
            try backward(batch(rows), context, watching: projections) { try visit(index, $0, $1) }
        }
    }

    /// One forward and backward in which the projections' weights are leaves.
    private func backward(
        _ batch: Batch, _ context: ForwardContext, watching projections: [Projection],
        _ visit: (Projection, Tensor) throws -> Void
    ) throws {
        let weights = projections.map(\.weight)
        defer {
            // Taking a stand-in away cannot fail: no shape is compared.
            for weight in weights { try? weight.replace(with: nil) }
        }
        for weight in weights { try weight.replace(with: weight.base.detach().setRequiresGrad(true)) }
        guard let sum = try objective.lossSum(model, batch, context, on: device) else { return }
        let labels = Double(max(1, batch.targets.labelledCount))
        try (sum / labels / Double(batch.segments.count)).backward()
        var uses = Dictionary(weights.map { (ObjectIdentifier($0), 1) }, uniquingKeysWith: +)
        for projection in projections {
            let weight = projection.weight
            let value = weight.value
            let gradient = try value.grad ?? value.detach().zerosLike()
            try visit(projection, gradient)
            uses[ObjectIdentifier(weight), default: 1] -= 1
            // Each gradient is as large as its weight: it goes as soon as nobody needs it.
            if uses[ObjectIdentifier(weight)] == 0 { try value.setGrad(nil) }
        }
    }

    /// The examples that the first epoch begins with.
    private func examples(_ count: Int) throws -> [Int] {
        var batches = loader.batches(from: BatchPosition())
        var examples: [Int] = []
        while examples.count < count, let batch = try batches.nextBatch() { examples += batch.exampleIndices }
        return Array(examples.prefix(max(0, count)))
    }

    private func batch(_ examples: [Int]) throws -> Batch {
        try loader.collator.batch(examples.map { [$0] }, of: loader.dataset.examples)
    }
}
