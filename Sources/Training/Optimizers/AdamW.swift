import Torch

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2) by ATen's fused kernel.
final class AdamW: Optimizer {
    private struct Stretch {
        let value: Tensor
        let gradient: Tensor
        let mean: Tensor
        let square: Tensor
        let weightDecay: Double
    }

    private let arguments: TrainingArguments
    private let mean: Tensor
    private let square: Tensor
    private let clock: Tensor
    private let stretches: [Stretch]

    init(_ parameters: FlatParameters, _ arguments: TrainingArguments) throws {
        self.arguments = arguments
        let (mean, square) = (try parameters.values.zerosLike(), try parameters.values.zerosLike())
        self.mean = mean
        self.square = square
        clock = try Tensor.zeros([], device: parameters.values.device)
        stretches = try DecayStretch.stretches(of: parameters, weightDecay: arguments.weightDecay).map { stretch in
            let (start, length) = (stretch.range.lowerBound, stretch.range.count)
            return Stretch(
                value: try parameters.values.narrow(0, start, length),
                gradient: try parameters.gradients.narrow(0, start, length),
                mean: try mean.narrow(0, start, length), square: try square.narrow(0, start, length),
                weightDecay: stretch.weightDecay)
        }
    }

    func step(learningRate: Double) throws {
        try withoutGradients {
            try clock.addInPlace(Tensor.ones([], device: clock.device))
            for stretch in stretches {
                try stretch.value.fusedAdamW(
                    gradient: stretch.gradient, mean: stretch.mean, square: stretch.square, clock: clock,
                    learningRate: learningRate, beta1: arguments.adamBeta1, beta2: arguments.adamBeta2,
                    weightDecay: stretch.weightDecay, eps: arguments.adamEpsilon)
            }
        }
    }

    func state() throws -> [(name: String, tensor: Tensor)] {
        [("adamw.mean", mean), ("adamw.square", square), ("adamw.clock", clock)]
    }

    func restore(_ tensor: (String) throws -> Tensor) throws {
        try withoutGradients {
            for (name, target) in try state() { try target.copyInPlace(tensor(name)) }
        }
    }
}
