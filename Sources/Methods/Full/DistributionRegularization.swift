import JSON
import Networks
import Optimization
import Torch

/// The training of `DRTune`.
final class DistributionRegularization: Lifecycle {
    private let method: DRTune
    private let queues: FeatureQueues?
    private let head: Projection
    /// Batches of the epoch so far.
    var iteration = 0

    init(_ method: DRTune, _ queues: FeatureQueues?, head: Projection) {
        self.method = method
        self.queues = queues
        self.head = head
    }

    func groups(of variables: [Variable]) throws -> [ParameterGroup] {
        let names = Set([head.weight.name, head.bias?.name].compactMap { $0 })
        return [
            try ParameterGroup("encoder", variables.filter { !names.contains($0.name) }),
            try ParameterGroup(
                "head", variables.filter { names.contains($0.name) }, rate: .scaled(method.headRateFactor)),
        ].filter { $0.count > 0 }
    }

    func epochWillBegin(_ moment: StepMoment) throws { iteration = 0 }

    var changesLoss: Bool { true }

    func lossSum(_ batch: BatchLoss) throws -> Tensor? {
        guard let queues, batch.context.isTraining else { return try batch.taskLossSum() }
        guard case .classes(let labels, _) = batch.labels else {
            throw MethodError.option("dr-tune: needs one class for each row")
        }
        let (features, logits) = try pass(batch.model, batch.input, batch.context)
        let untouched = try withoutGradients {
            try batch.model.withAdapters([]) {
                try pass(batch.model, batch.input, ForwardContext(scoresOnly: true)).features
            }
        }
        let sum = try lossSum(features, logits, labels, queues)
        try queues.push(down: features, pre: untouched, labels: labels)
        iteration += 1
        // The mean over batch and queue, as the sum over the batch's labels that the step divides again.
        return try sum / Double(labels.count + queues.labels.value.count) * Double(batch.labelCount)
    }

    /// The sum of the losses of the batch's rows and of the queue's.
    func lossSum(_ features: Tensor, _ logits: Tensor, _ labels: Tensor, _ queues: FeatureQueues) throws -> Tensor {
        let calibrated = try calibrated(features, queues)
        // Copies of the classes: the backward comes after the queue has moved on.
        let queued = try head(calibrated.to(features.dtype), ForwardContext())
        return try logits.crossEntropySum(labels) + queued.crossEntropySum(queues.labels.value.clone())
    }

    /// What the head must classify beside the batch.
    func calibrated(_ features: Tensor, _ queues: FeatureQueues) throws -> Tensor {
        try queues.calibrated(
            to: features, head: head.weight.value, rotates: iteration % method.rotationEvery == 0)
    }

    /// The scores, and what went into the head for them [rows, width].
    private func pass(
        _ model: Model, _ input: ModelInput, _ context: ForwardContext
    ) throws -> (features: Tensor, logits: Tensor) {
        var seen: Tensor?
        let before = context.observer
        context.observer = { [head] site, x in
            try before?(site, x)
            if site === head { seen = x }
        }
        defer { context.observer = before }
        guard let logits = try model(input, context).logits, let features = seen,
            try features.rank == 2, try features.size(0) == logits.size(0)
        else {
            throw NetworkError.unsupported("dr-tune needs a head that reads one feature of each row")
        }
        return (features, logits)
    }

    func state() throws -> LifecycleState? {
        LifecycleState(values: ["iteration": .int(Int64(iteration)), "pointer": .int(Int64(queues?.pointer ?? 0))])
    }

    func restore(_ state: LifecycleState) throws {
        let values = JSON.Node(state.values, source: "the state of dr-tune")
        iteration = try values.field("iteration").int()
        let pointer = try values.field("pointer").int()
        guard let queues else { return }
        guard try (0..<queues.labels.value.count).contains(pointer) else {
            throw OptimizationError.state("the queues of dr-tune have no row \(pointer)")
        }
        queues.pointer = pointer
    }
}
