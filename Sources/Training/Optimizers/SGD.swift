import Torch

/// Stochastic gradient descent with momentum, as torch's, by ATen's fused kernel.
final class SGD: Optimizer {
    private let arguments: TrainingArguments
    private let parameters: FlatParameters
    private let stretches: [DecayStretch]
    private let momentum: Tensor
    private var isFirst = true

    init(_ parameters: FlatParameters, _ arguments: TrainingArguments) throws {
        self.arguments = arguments
        self.parameters = parameters
        stretches = DecayStretch.stretches(of: parameters, weightDecay: arguments.weightDecay)
        momentum = try parameters.values.zerosLike()
    }

    func step(learningRate: Double) throws {
        try withoutGradients {
            for stretch in stretches {
                let (start, length) = (stretch.range.lowerBound, stretch.range.count)
                try parameters.values.narrow(0, start, length).fusedSGD(
                    gradient: parameters.gradients.narrow(0, start, length),
                    momentumBuffer: momentum.narrow(0, start, length), learningRate: learningRate,
                    momentum: arguments.momentum, weightDecay: stretch.weightDecay, isFirst: isFirst)
            }
        }
        isFirst = false
    }

    func state() throws -> [(name: String, tensor: Tensor)] {
        [("sgd.momentum", momentum), ("sgd.started", try Tensor.scalar(isFirst ? 0 : 1))]
    }

    func restore(_ tensor: (String) throws -> Tensor) throws {
        try withoutGradients { try momentum.copyInPlace(tensor("sgd.momentum")) }
        isFirst = try tensor("sgd.started").item() == 0
    }
}
